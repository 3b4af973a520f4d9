package api

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"

	swagger "github.com/swaggest/swgui/v5/static"
)

// docsPolicy allows a browser nothing but what this server has. Swagger UI sets styles of elements, and shows its pictures as data.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const docsPage = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Invoicing</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`

const docsStart = `"use strict";
SwaggerUIBundle({url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null, displayRequestDuration: true});
`

// serveDocs serves a page to read and to try the API with. All that it needs is in this program.
func serveDocs(mux *http.ServeMux) error {
	mux.Handle("GET /docs", inDocs(static("text/html; charset=utf-8", []byte(docsPage))))
	mux.Handle("GET /docs/start.js", inDocs(static("text/javascript; charset=utf-8", []byte(docsStart))))
	for _, asset := range []struct{ name, contentType string }{
		{"swagger-ui-bundle.js", "text/javascript; charset=utf-8"},
		{"swagger-ui.css", "text/css; charset=utf-8"},
	} {
		packed, err := swagger.FS.ReadFile(asset.name + ".gz")
		if err != nil {
			return fmt.Errorf("look for the page's %s: %w", asset.name, err)
		}
		mux.Handle("GET /docs/"+asset.name, inDocs(unpacked(asset.contentType, packed)))
	}
	icon, err := swagger.FS.ReadFile("favicon-32x32.png")
	if err != nil {
		return fmt.Errorf("look for the page's icon: %w", err)
	}
	mux.Handle("GET /docs/favicon-32x32.png", inDocs(static("image/png", icon)))
	return nil
}

func inDocs(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", docsPolicy)
		next.ServeHTTP(w, r)
	})
}

// unpacked serves what is kept compressed, as it is to those who take it so.
func unpacked(contentType string, packed []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Type", contentType)
		header.Set("Cache-Control", "no-cache")
		header.Set("Vary", "Accept-Encoding")
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			header.Set("Content-Encoding", "gzip")
			_, _ = w.Write(packed) // the client may be gone
			return
		}
		plain, err := gzip.NewReader(strings.NewReader(string(packed)))
		if err == nil {
			_, _ = io.Copy(w, plain) //nolint:gosec // G110: it is our own
		}
	})
}
