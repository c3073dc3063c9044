declare module 'virtual:units' {
  const units: Readonly<Record<string, string>>;
  export default units;
}
