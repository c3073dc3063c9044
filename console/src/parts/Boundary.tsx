import { Component, type ReactNode } from 'react';

/** Keeps the rest of the console alive when one part breaks, and offers `fallback` in its place. */
export class Boundary extends Component<{ children: ReactNode; fallback: ReactNode }, { broken: boolean }> {
  override state = { broken: false };

  static getDerivedStateFromError() {
    return { broken: true };
  }

  override render() {
    return this.state.broken ? this.props.fallback : this.props.children;
  }
}
