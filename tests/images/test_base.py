# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def base(start_container) -> Iterator:
    return start_container("base", "sleep", "infinity")


def test_it_is_debian_12_in_an_utf8_locale(base):
    assert "VERSION_CODENAME=bookworm" in base.run("cat", "/etc/os-release")
    assert base.run("locale", "charmap") == "UTF-8"


def test_documentation_is_left_out_now_and_of_later_packages(base):
    base.run("install-packages", "hello")
    assert base.run("hello") == "Hello, world!"
    assert base.run("find", "/usr/share/doc", "/usr/share/man", "-type", "f") == ""


def test_the_emptied_package_lists_are_old_so_that_nothing_takes_them_for_fresh(base):
    assert base.run("stat", "--format", "%Y", "/var/lib/apt/lists") == "0"
    assert base.run("ls", "/var/lib/apt/lists") == ""


def test_no_service_starts_while_an_image_is_built(base):
    base.fails("/usr/sbin/policy-rc.d")
