/** Thin helpers over WebGL2. */

export type Gl = WebGL2RenderingContext;

export interface Program {
  program: WebGLProgram;
  uniform(name: string): WebGLUniformLocation | null;
  attribute(name: string): number;
}

function shader(gl: Gl, kind: number, source: string): WebGLShader {
  const made = gl.createShader(kind);
  if (!made) throw new Error("the graphics context is lost");
  gl.shaderSource(made, source);
  gl.compileShader(made);
  return made;
}

export function link(gl: Gl, vertex: string, fragment: string): Program {
  const program = gl.createProgram();
  const shaders = [shader(gl, gl.VERTEX_SHADER, vertex), shader(gl, gl.FRAGMENT_SHADER, fragment)];
  for (const one of shaders) gl.attachShader(program, one);
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) {
    const logs = shaders.map((one) => gl.getShaderInfoLog(one)).join("\n");
    throw new Error(`the map's shaders do not link: ${gl.getProgramInfoLog(program) ?? ""}\n${logs}`);
  }
  const uniforms = new Map<string, WebGLUniformLocation | null>();
  return {
    program,
    uniform(name) {
      if (!uniforms.has(name)) uniforms.set(name, gl.getUniformLocation(program, name));
      return uniforms.get(name) ?? null;
    },
    attribute: (name) => gl.getAttribLocation(program, name),
  };
}

export interface TextureKind {
  internal: number;
  format: number;
  type: number;
  wrap: number;
}

/** A linearly filtered texture in a fixed unit. */
export class Texture {
  private readonly texture: WebGLTexture;

  constructor(
    private readonly gl: Gl,
    private readonly unit: number,
    private readonly kind: TextureKind,
  ) {
    this.texture = gl.createTexture();
    gl.activeTexture(gl.TEXTURE0 + unit);
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, kind.wrap);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, kind.wrap);
  }

  load(width: number, height: number, data: ArrayBufferView): void {
    const { gl, kind } = this;
    gl.activeTexture(gl.TEXTURE0 + this.unit);
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.texImage2D(gl.TEXTURE_2D, 0, kind.internal, width, height, 0, kind.format, kind.type, data);
  }
}

/** A picture that is drawn off the screen and then shown from a texture. */
export class Target {
  width = 0;
  height = 0;
  private readonly texture: WebGLTexture;
  private readonly framebuffer: WebGLFramebuffer;

  constructor(
    private readonly gl: Gl,
    private readonly unit: number,
  ) {
    this.texture = gl.createTexture();
    this.framebuffer = gl.createFramebuffer();
    this.show();
    for (const way of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, way, gl.LINEAR);
    for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.framebuffer);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, this.texture, 0);
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
  }

  /** Let what is drawn now go here; what was here is lost where the size is another. */
  open(width: number, height: number): void {
    const { gl } = this;
    if (width !== this.width || height !== this.height) {
      [this.width, this.height] = [width, height];
      this.show();
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, width, height, 0, gl.RGBA, gl.UNSIGNED_BYTE, null);
    }
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.framebuffer);
  }

  /** Bind the texture to its unit. */
  show(): void {
    this.gl.activeTexture(this.gl.TEXTURE0 + this.unit);
    this.gl.bindTexture(this.gl.TEXTURE_2D, this.texture);
  }
}
