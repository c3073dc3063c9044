"""The page that stands in for the console until it is built."""

from __future__ import annotations

from typing import Final

UNBUILT_PAGE: Final = """<!doctype html>
<html lang="ja">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hiroba</title>
</head>
<body>
<main>
<h1>Hiroba は動いています</h1>
<p>画面はまだ作られていません。<code>make console</code> を実行してから、このページを再読み込みしてください。</p>
<p>API は <a href="/ngsi-ld/v1/types">/ngsi-ld/v1</a> で使えます。</p>
<section lang="en">
<h2>Hiroba is running</h2>
<p>The console has not been built yet. Run <code>make console</code>, then reload this page.</p>
<p>The API is at <a href="/ngsi-ld/v1/types">/ngsi-ld/v1</a>.</p>
</section>
</main>
</body>
</html>
"""
