package dashboard

import (
	"log/slog"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"
)

// trouble is what the error page shows.
type trouble struct {
	Status int    `json:"status"`
	Error  string `json:"error"`
}

// Title names it.
func (t trouble) Title() string {
	switch t.Status {
	case http.StatusNotFound:
		return "Not found"
	case http.StatusBadRequest:
		return "That can't be"
	case http.StatusForbidden:
		return "Not allowed"
	case http.StatusTooManyRequests:
		return "Too many attempts"
	}
	return "Something went wrong"
}

// Sentence is the error, as one.
func (t trouble) Sentence() string { return sentence(t.Error) }

// sentence begins with a capital, unless it begins with a command, and ends with a full stop.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	if first, _, _ := strings.Cut(text, " "); first != "contrail" && !strings.ContainsAny(first, "_-.") { // what is a name stays as it is
		letter, size := utf8.DecodeRuneInString(text)
		text = string(unicode.ToUpper(letter)) + text[size:]
	}
	if !strings.ContainsAny(text[len(text)-1:], ".!?") {
		text += "."
	}
	return text
}

// fail answers somebody who is known with an error, as a page or as JSON.
func (d *Dashboard) fail(w http.ResponseWriter, r *request, err error) {
	status := statusOf(err)
	if status >= http.StatusInternalServerError && r.http.Context().Err() == nil {
		d.config.Logger.Warn("a request has failed", slog.String("path", r.http.URL.Path), slog.Any("error", err))
	}
	view := trouble{status, err.Error()}
	if wantsJSON(r.http) {
		d.writeJSON(w, r.http, status, view)
		return
	}
	d.writePage(w, r, status, shown{page: page{template: "error.html"}, view: view})
}

// refuse answers somebody of whom nothing may be known with an error.
func (d *Dashboard) refuse(w http.ResponseWriter, r *http.Request, err error) {
	d.fail(w, d.stranger(r), err)
}
