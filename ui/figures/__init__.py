"""Charts as pure functions: counted rows in, a plotly figure out. No database, no screen.

A mark that stands for faces carries ``db.filters.FaceFilter.to_json()`` as its ``customdata``;
``ui.dashboard`` turns a click on it into those faces. Titles say what is shown; subtitles say the
unit, the number of faces and what the intervals are.
"""
