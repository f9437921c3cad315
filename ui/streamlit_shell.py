"""The studio's pages: Streamlit runs this file for every visit and every change of a widget."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import streamlit as st

from ui.navigation import DETAILS, HOME, MENUS, PAGES, Page
from ui.theme import TITLE, streamlit_style

ICON = Path(__file__).parent / "components" / "icon.svg"


def main() -> None:
    st.set_page_config(page_title=TITLE, page_icon=str(ICON), layout="wide")
    st.html(streamlit_style())
    menus = {"": (*PAGES, *DETAILS)} | {menu.title: menu.pages for menu in MENUS}
    pages = {page.path: _streamlit_page(page) for menu in menus.values() for page in menu}
    st.session_state["pages"] = pages  # for links from one page to another
    shown = {title: [pages[page.path] for page in menu] for title, menu in menus.items()}
    st.navigation(shown, position="top").run()


def _streamlit_page(page: Page):
    def show() -> None:
        import_module(page.module).show()  # here: other pages' libraries cost seconds

    return st.Page(
        show,
        title=page.title,
        icon=f":material/{page.icon}:",
        url_path=page.path,
        default=page is HOME,
        visibility="hidden" if page in DETAILS else "visible",
    )


if __name__ == "__main__":
    main()
