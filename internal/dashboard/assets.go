package dashboard

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed static
var staticFiles embed.FS

// assets are the files that pages are made with. Each has an address with the hash of its content, so that a browser may keep it for good and still has none
// of an older program.
type assets struct {
	addresses map[string]string // by name, as in contrail.css
	files     map[string]asset  // by address
}

type asset struct {
	kind string
	text []byte
}

func readAssets() (*assets, error) {
	a := &assets{addresses: map[string]string{}, files: map[string]asset{}}
	entries, err := fs.ReadDir(staticFiles, "static")
	if err != nil {
		return nil, fmt.Errorf("read the assets: %w", err)
	}
	for _, entry := range entries {
		text, err := fs.ReadFile(staticFiles, path.Join("static", entry.Name()))
		if err != nil {
			return nil, fmt.Errorf("read the assets: %w", err)
		}
		sum := sha256.Sum256(text)
		address := "/static/" + hex.EncodeToString(sum[:8]) + "/" + entry.Name()
		a.addresses[entry.Name()], a.files[address] = address, asset{kindOf(entry.Name()), text}
	}
	return a, nil
}

func kindOf(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	if kind := mime.TypeByExtension(path.Ext(name)); kind != "" {
		return kind
	}
	return "text/plain; charset=utf-8"
}

// address is where a file is served.
func (a *assets) address(name string) (string, error) {
	if address := a.addresses[name]; address != "" {
		return address, nil
	}
	return "", fmt.Errorf("there is no asset %s", name)
}

// ServeHTTP serves a file.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	file, found := a.files[r.URL.Path]
	if !found {
		http.NotFound(w, r)
		return
	}
	header := w.Header()
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	header.Set("Content-Type", file.kind)
	header.Set("ETag", `"`+strings.Split(r.URL.Path, "/")[2]+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(file.text))
}
