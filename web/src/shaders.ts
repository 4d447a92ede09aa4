/** The programs of the WebGL painter: the land with its fog, the points, and pictures that were drawn before. */

/** Where the fog and the knowledge lie; the points read it too, so both programs share it. */
const FIELD = `
uniform sampler2D uField;   // mean, uncertainty
uniform sampler2D uNoise;
uniform vec4 uRegion;       // the question region; of zero width where there is no quiz
uniform float uNoiseScale;
uniform float uHeat;        // 0 where knowledge and fog are not shown

float cloudAt(vec2 p) {
  vec2 q = p * uNoiseScale;
  return texture(uNoise, q).r * 0.62 + texture(uNoise, q * 2.7 + 0.37).r * 0.38;
}

// x: mean, y: uncertainty, z: share inside the region, its edge frayed by the cloud
vec3 fieldAt(vec2 p, float cloud) {
  vec2 size = uRegion.zw - uRegion.xy;
  if (size.x <= 0.0) return vec3(0.5, 1.0, 0.0);
  vec2 st = (p - uRegion.xy) / size;
  float side = sqrt(size.x * size.y);
  vec2 away = max(abs(p - (uRegion.xy + uRegion.zw) * 0.5) - size * 0.5 + side * 0.05, 0.0);
  float edge = length(away) / side + (cloud - 0.5) * 0.10;
  vec2 field = texture(uField, st).rg;
  return vec3(field, uHeat * (1.0 - smoothstep(0.0, 0.085, edge)));
}

// Fog thins unevenly, as a cloud does: full above, torn in the middle, gone below.
float fogOf(float uncertainty, float cloud) {
  float torn = uncertainty + (cloud - 0.5) * 0.34 * (1.0 - uncertainty * uncertainty);
  return smoothstep(0.42, 0.98, torn);
}
`;

export const LAND_VERTEX = `#version 300 es
in vec2 corner;
uniform vec2 uCentre;
uniform vec2 uSpan;         // the window in map units
out vec2 vMap;
void main() {
  vMap = uCentre + corner * uSpan * 0.5;
  gl_Position = vec4(corner, 0.0, 1.0);
}`;

export const LAND_FRAGMENT = `#version 300 es
precision highp float;
in vec2 vMap;
out vec4 colour;
uniform sampler2D uTerrain; // height, recall
uniform sampler2D uScale;
uniform float uTerrainSize;
uniform float uMargin;
uniform float uSummit;
uniform float uGrain;
uniform float uRise;        // 0..1: the land comes up once, after the first paint
uniform float uDistrust;    // 0..1: hatch where the map is less true than on average
uniform float uRecall;
uniform float uPixel;       // pixels of the land's buffer for one map unit
uniform float uFine;        // 1, less when drawn coarsely: then lines are wide, and paler instead
uniform float uDark;
uniform float uCloser;      // doublings of the scale beyond which finer contours come in
uniform vec3 uSea, uShelf, uLand, uUpland, uContour, uCoast, uFog, uFogShade, uInk;
${FIELD}

// Cubic B-spline from four bilinear reads (Sigg & Hadwiger 2005): bilinear alone would show its cells as facets.
vec2 smoothTerrain(vec2 p) {
  vec2 at = (p + uMargin) / (1.0 + 2.0 * uMargin) * uTerrainSize - 0.5;
  vec2 base = floor(at);
  vec2 f = at - base;
  vec2 w0 = (1.0 - f) * (1.0 - f) * (1.0 - f) / 6.0;
  vec2 w1 = (4.0 - 6.0 * f * f + 3.0 * f * f * f) / 6.0;
  vec2 w3 = f * f * f / 6.0;
  vec2 w2 = 1.0 - w0 - w1 - w3;
  vec2 low = w0 + w1;
  vec2 high = w2 + w3;
  vec2 a = (base - 0.5 + w1 / low) / uTerrainSize;
  vec2 b = (base + 1.5 + w3 / high) / uTerrainSize;
  return (texture(uTerrain, a).rg * low.x + texture(uTerrain, vec2(b.x, a.y)).rg * high.x) * low.y
       + (texture(uTerrain, vec2(a.x, b.y)).rg * low.x + texture(uTerrain, b).rg * high.x) * high.y;
}

// One line of about "width" pixels at every multiple of "gap"; lines closer than a few pixels fade away.
float lines(float height, float slope, float gap, float width) {
  float away = abs(fract(height / gap - 0.5) - 0.5) * gap / max(slope, 1e-6);
  return (1.0 - smoothstep(width - 0.5, width + 0.5, away)) * (1.0 - smoothstep(0.16, 0.34, slope / gap));
}

float lineAt(float height, float slope, float level, float width) {
  return 1.0 - smoothstep(width - 0.5, width + 0.5, abs(height - level) / max(slope, 1e-6));
}

vec3 ground(float height, vec2 rise, float slope, out float land, out float drawn) {
  land = smoothstep(-0.5, 0.5, height / max(slope, 1e-6)) * uRise;
  vec2 grade = rise * uPixel * uGrain;
  vec3 normal = normalize(vec3(-grade * 0.5, 1.0));
  float shade = dot(normal, normalize(vec3(-0.55, 0.65, 0.9))) - 0.726;
  float up = clamp(height / uSummit, 0.0, 1.0);
  vec3 dry = mix(uLand, uUpland, smoothstep(0.0, 1.0, up));
  dry *= 1.0 + shade * mix(0.34, 0.75, uDark);
  vec3 wet = mix(uShelf, uSea, smoothstep(0.0, 2.6, -height));
  float ripple = 0.0;
  for (int i = 1; i <= 4; i++) {
    float level = -0.16 * float(i) - 0.07 * float(i * i);
    ripple += lineAt(height, slope, level, 0.4) * (0.62 - 0.12 * float(i));
  }
  ripple *= 1.0 - smoothstep(0.10, 0.22, slope);
  wet = mix(wet, uCoast, ripple * uRise * uFine);
  vec3 base = mix(wet, dry, land);
  float contour = max(lines(height, slope, 0.4, 0.36) * 0.5, lines(height, slope, 2.0, 0.6) * 0.75);
  contour = max(contour, lines(height, slope, 0.2, 0.3) * 0.4 * clamp(uCloser, 0.0, 1.0));
  contour = max(contour, lines(height, slope, 0.1, 0.3) * 0.34 * clamp(uCloser - 1.0, 0.0, 1.0)) * land * uFine;
  base = mix(base, uContour, contour);
  float coast = lineAt(height, slope, 0.0, 0.55) * 0.85 * uRise * uFine;
  drawn = max(contour, coast);
  return mix(base, uCoast, coast);
}

void main() {
  vec2 terrain = smoothTerrain(vMap);
  float height = mix(-3.0, terrain.r, uRise);
  vec2 rise = vec2(dFdx(height), dFdy(height));
  float slope = length(rise);
  float land;
  float drawn;
  vec3 base = ground(height, rise, slope, land, drawn);

  float cloud = cloudAt(vMap);
  vec3 field = fieldAt(vMap, cloud);
  float fog = fogOf(field.y, cloud);
  float clear = 1.0 - smoothstep(0.30, 1.0, field.y);
  vec3 known = texture(uScale, vec2(field.x * (255.0 / 256.0) + 0.5 / 256.0, 0.5)).rgb;
  float light = dot(base, vec3(0.3, 0.59, 0.11)) / max(dot(mix(uShelf, uLand, land), vec3(0.3, 0.59, 0.11)), 0.05);
  vec3 tinted = known * mix(1.0, clamp(light, 0.7, 1.2), 0.8);
  base = mix(base, tinted, field.z * clear * mix(0.3 * smoothstep(-3.0, -0.4, height), 0.9, land));
  // The cloud is lit from the upper left as the land is, and it has thin places.
  vec2 lit = vec2(-0.012, 0.014) / uNoiseScale;
  float body = clamp(0.5 + (cloud - cloudAt(vMap + lit)) * 3.6 + (cloud - 0.5) * 0.7, 0.0, 1.0);
  float reach = mix(0.85 * smoothstep(-3.2, -0.1, height), 1.0, land);
  float veil = field.z * fog * reach * mix(0.36, 0.9, smoothstep(0.22, 0.72, cloud));
  base = mix(base, mix(uFogShade, uFog, body), veil);
  // The survey's lines shine through: the land keeps its shape under the fog.
  base = mix(base, uContour, drawn * veil * 0.4);

  if (uDistrust > 0.0) {
    vec2 at = gl_FragCoord.xy;
    float hatch = 1.0 - smoothstep(0.4, 1.2, abs(mod(at.x + at.y, 6.0) - 3.0));
    base = mix(base, uInk, hatch * uDistrust * 0.55 * land * (1.0 - smoothstep(0.62, 0.9, terrain.g / uRecall)));
  }
  colour = vec4(base, 1.0);
}`;

export const POINT_VERTEX = `#version 300 es
precision highp float;
in float x;
in float y;
in vec2 look;               // place in uColours, state: 0 hidden, 1 plain, 2 chosen, 3 not chosen
uniform vec2 uCentre;
uniform vec2 uSpan;
uniform float uSize;        // diameter in device pixels
uniform float uAlpha;
uniform float uHide;        // 0..1, how much of the points the fog hides
uniform vec3 uInk;
uniform vec3 uAccent;
uniform sampler2D uColours;
uniform float uColoured;    // 1 where the points have colours
out vec4 vColour;
out float vSize;
${FIELD}
void main() {
  vec2 p = vec2(x, y);
  if (look.y < 0.5) {
    gl_Position = vec4(2.0, 2.0, 0.0, 1.0);
    return;
  }
  float chosen = step(1.5, look.y) * step(look.y, 2.5);
  gl_Position = vec4((p - uCentre) / uSpan * 2.0, 0.0, 1.0);
  float size = uSize * (1.0 + 0.3 * chosen);
  vSize = max(size, 1.5);
  gl_PointSize = vSize + 1.0;
  // The cloud's mean will do for a point, and 250,000 points feel every texture read.
  vec3 field = fieldAt(p, 0.5);
  float clear = field.z * (1.0 - smoothstep(0.30, 0.85, field.y));
  // Where the tint comes near the ink's own lightness the points take the other one, without a grey between.
  bool night = uInk.g > 0.5;
  vec3 other = night ? vec3(0.09, 0.08, 0.07) : vec3(0.98, 0.96, 0.93);
  float turn = smoothstep(0.485, 0.5, clear * (night ? field.x : 1.0 - field.x));
  float thin = (size / vSize) * (size / vSize);
  vec3 own = mix(mix(uInk, other, turn), uAccent, chosen);
  own = mix(own, texelFetch(uColours, ivec2(int(look.x + 0.5), 0), 0).rgb, uColoured);
  float seen = uAlpha * thin * (1.0 - uHide * field.z * fogOf(field.y, 0.5));
  vColour = vec4(own, look.y > 2.5 ? seen * 0.3 : mix(seen, max(seen, 0.9), chosen));
}`;

export const POINT_FRAGMENT = `#version 300 es
precision mediump float;
in vec4 vColour;
in float vSize;
out vec4 colour;
void main() {
  float away = length(gl_PointCoord - 0.5) * (vSize + 1.0);
  float disc = 1.0 - smoothstep(vSize * 0.5 - 0.5, vSize * 0.5 + 0.5, away);
  colour = vec4(vColour.rgb, 1.0) * vColour.a * disc;
}`;

export const PLATE_VERTEX = `#version 300 es
in vec2 corner;
uniform vec2 uMiddle;       // of the kept picture in the window, which reaches from -1 to 1
uniform vec2 uReach;        // half its width and height there
out vec2 vAt;
void main() {
  vAt = corner * 0.5 + 0.5;
  gl_Position = vec4(uMiddle + corner * uReach, 0.0, 1.0);
}`;

export const PLATE_FRAGMENT = `#version 300 es
precision highp float;
in vec2 vAt;
out vec4 colour;
uniform sampler2D uPlate;
void main() {
  colour = vec4(texture(uPlate, vAt).rgb, 1.0);
}`;
