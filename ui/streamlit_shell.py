"""The studio's pages: Streamlit runs this file for every visit and every change of a widget."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from ui.theme import TITLE
from ui.views import data, demo, home, models, review, train

ICON = Path(__file__).parent / "components" / "icon.svg"
#: Address → title, icon and what shows it; the first is the start page.
PAGES = {
    "home": ("Home", ":material/home:", home.show),
    "try": ("Demo", ":material/photo_camera:", demo.show),
    "review": ("Review", ":material/fact_check:", review.show),
    "train": ("Train", ":material/model_training:", train.show),
    "models": ("Models", ":material/inventory_2:", models.show),
    "data": ("Data", ":material/database:", data.show),
}


def main() -> None:
    st.set_page_config(page_title=TITLE, page_icon=str(ICON), layout="wide")
    pages = {
        path: st.Page(show, title=title, icon=icon, url_path=path, default=path == "home")
        for path, (title, icon, show) in PAGES.items()
    }
    st.session_state["pages"] = pages  # for links from one page to another
    st.navigation(list(pages.values()), position="top").run()


if __name__ == "__main__":
    main()
