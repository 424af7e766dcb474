"""Tools: what carries an act out, here or at an integrator's."""
