"""Three heights that are never mixed.

``height_m``             above the WGS-84 ellipsoid: the only height of the state, of tables and of the map
``height_agl_m``         above ground or take-off, as a source reports it: shown with its name, never fused
``pressure_altitude_m``  where the standard atmosphere has the measured pressure: hundreds of metres off a height

Ellipsoid and mean sea level differ by −106 … +85 m (the geoid). Without a geoid model lowsky does not convert
between them: a height above sea level enters as a height with a sigma that says so.
"""

SIGMA_GEOID_M = 35.0
"""1σ of ellipsoid minus sea level where no geoid model is at hand (EGM96 rms undulation is about 30 m)."""

SIGMA_PRESSURE_ALTITUDE_M = 150.0
"""1σ of pressure altitude taken as a WGS-84 height: weather (±30 hPa ≈ ±250 m extreme) and geoid together."""
