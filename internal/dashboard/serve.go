package dashboard

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
)

// servePage answers with one of the forms of a page.
func (d *Dashboard) servePage(w http.ResponseWriter, r *request, p page) {
	if p.every > 0 && r.query().Get("live") != "" {
		d.serveLive(w, r, p)
		return
	}
	ctx, cancel := context.WithTimeout(r.http.Context(), pageTime)
	defer cancel()
	view, err := p.read(ctx, r)
	switch {
	case err != nil:
		d.fail(w, r, err)
	case wantsJSON(r.http):
		d.writeJSON(w, r.http, http.StatusOK, view)
	default:
		d.writePage(w, r, http.StatusOK, shown{page: p, view: view})
	}
}

// shown is a page with what it shows.
type shown struct {
	page  page
	view  any
	title string // "": the page's
}

// titleOf is the title of a page.
func (s shown) titleOf() string {
	if s.title != "" {
		return s.title
	}
	if titled, is := s.view.(interface{ Title() string }); is {
		return titled.Title()
	}
	return s.page.title
}

func (d *Dashboard) writePage(w http.ResponseWriter, r *request, status int, s shown) {
	var text bytes.Buffer
	if err := d.render.page(&text, d.scope(r), s); err != nil {
		d.config.Logger.Error("a page can't be made", slog.String("path", r.http.URL.Path), slog.Any("error", err))
		http.Error(w, "the page can't be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(text.Len()))
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes()) // the client has gone
}

// wantsJSON tells whether the client asks for JSON: by ?format=json, or by taking nothing that a browser would.
func wantsJSON(r *http.Request) bool {
	if format := r.URL.Query().Get("format"); format != "" {
		return format == "json"
	}
	accepted := r.Header.Get("Accept")
	return strings.Contains(accepted, "application/json") && !strings.Contains(accepted, "text/html")
}

func (d *Dashboard) writeJSON(w http.ResponseWriter, r *http.Request, status int, view any) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // it is never taken for HTML: see nosniff
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(view); err != nil {
		d.config.Logger.ErrorContext(r.Context(), "a page can't be encoded", slog.String("path", r.URL.Path), slog.Any("error", err))
		status = http.StatusInternalServerError
		text.Reset()
		text.WriteString(`{"error": "the page can't be encoded"}` + "\n")
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes()) // the client has gone
}
