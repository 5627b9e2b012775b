"""Frames of reference and the shape of the earth. Arrays in, arrays out; last axis is the component."""
