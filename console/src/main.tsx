import '@digital-go-jp/design-tokens/dist/tokens.css';
import '@fontsource-variable/noto-sans-jp/wght.css';
import './styles/base.css';
import './styles/parts.css';
import './styles/shell.css';
import './styles/map.css';
import './styles/card.css';
import './styles/pages.css';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/App';

const root = document.getElementById('root');
if (!root) throw new Error('index.html has no #root');
createRoot(root).render(<StrictMode><App /></StrictMode>);
