export { escapeControls } from '../foreign.js';
