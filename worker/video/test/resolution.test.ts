import { describe, expect, it } from 'vitest';
import { NoVideoStream } from '../../errors.ts';
import { shownResolution } from '../resolution.ts';

describe('the resolution of a picture', () => {
  it.each([
    [0, '320x180', 0],
    [90, '180x320', 90],
    [180, '320x180', 180],
    [270, '180x320', 270],
    [-90, '180x320', 270],
    [-180, '320x180', 180],
    [360, '320x180', 0],
    [450, '180x320', 90],
    [88, '180x320', 90],
    [-2, '320x180', 0],
  ])('rotated by %d is %s', (degrees, resolution, rotation) => {
    const [width, height] = resolution.split('x').map(Number);
    expect(shownResolution({ codedWidth: 320, codedHeight: 180, rotation: degrees })).toEqual({
      resolution,
      width,
      height,
      rotation,
    });
  });

  it.each([
    [0, 0],
    [320, 0],
    [0, 180],
    [undefined, 180],
    [320, undefined],
    [-320, 180],
    [320, Number.NaN],
    [319.5, 180],
  ])('%s by %s is not a resolution', (codedWidth, codedHeight) => {
    expect(() => shownResolution({ codedWidth, codedHeight, rotation: 0 })).toThrow(NoVideoStream);
  });
});
