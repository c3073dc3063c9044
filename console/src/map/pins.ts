import { glyphs } from './glyphs';

const size = 28;
const ratio = 2;

/** Is a type's sign on the map: its colour, and its glyph or else the first letter of its name. */
export interface Pin {
  color: string;
  icon: string;
  title: string;
}

/** Draws a pin: a coloured disc with a white ring, and the glyph or initial in white. */
export function drawPin({ color, icon, title }: Pin): { image: ImageData; pixelRatio: number } {
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = size * ratio;
  const context = canvas.getContext('2d');
  if (!context) throw new Error('the browser gives no 2D canvas');
  context.scale(ratio, ratio);
  const middle = size / 2;
  context.beginPath();
  context.arc(middle, middle, middle - 1, 0, 2 * Math.PI);
  context.fillStyle = '#ffffff';
  context.fill();
  context.lineWidth = 1;
  context.strokeStyle = 'rgba(26,26,26,0.55)';
  context.stroke();
  context.beginPath();
  context.arc(middle, middle, middle - 3, 0, 2 * Math.PI);
  context.fillStyle = color;
  context.fill();
  const glyph = glyphs[icon];
  if (glyph) drawGlyph(context, glyph);
  else drawInitial(context, title);
  return { image: context.getImageData(0, 0, size * ratio, size * ratio), pixelRatio: ratio };
}

function drawGlyph(context: CanvasRenderingContext2D, glyph: string): void {
  const scale = 15 / 24;
  context.translate((size - 24 * scale) / 2, (size - 24 * scale) / 2);
  context.scale(scale, scale);
  context.strokeStyle = '#ffffff';
  context.lineWidth = 2.4;
  context.lineCap = 'round';
  context.lineJoin = 'round';
  context.stroke(new Path2D(glyph));
}

function drawInitial(context: CanvasRenderingContext2D, title: string): void {
  context.fillStyle = '#ffffff';
  context.font = `700 13px ${pinFont}`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText([...title][0]?.toUpperCase() ?? '', size / 2, size / 2 + 0.5);
}

const pinFont = "'Noto Sans JP Variable', sans-serif";

/** Waits until the letters of pins without a glyph can be drawn in the console's font. */
export async function pinLetters(titles: readonly string[]): Promise<void> {
  const letters = titles.map((title) => [...title][0] ?? '').join('');
  if (letters) await document.fonts.load(`700 13px ${pinFont}`, letters);
}
