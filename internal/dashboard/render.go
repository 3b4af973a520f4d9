package dashboard

import (
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"sync"
)

//go:embed templates
var templateFiles embed.FS

// renderer makes pages. It may be used by many goroutines.
type renderer struct {
	sheets map[string]*sync.Pool // of *sheet, by the template's file
}

// sheet is the templates of one page, for one goroutine at a time: its functions answer for the request that it is bound to.
type sheet struct {
	templates *template.Template
	scope     *scope
}

// bodyOf is the name that the block "live" of a page has after it was put into its frame: see frameSource.
const bodyOf = "live body"

// frameSource is around each page's live part: it is replaced as events come in, without disturbing what a person is doing in it.
const frameSource = `<div id="live" hx-ext="sse,morph" sse-connect="{{liveAddress}}" sse-swap="live" hx-swap="morph:innerHTML">{{template "` + bodyOf + `" .}}</div>`

// own are the templates that belong to no page of the table.
func own() []string { return []string{"error.html", "login.html"} }

// newRenderer parses every template that a page or an action names.
func newRenderer(assets *assets, pages []page, actions []action) (*renderer, error) {
	common, err := template.New("").Funcs(functions(&scope{}, assets)).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("parse the layout: %w", err)
	}
	r := &renderer{sheets: map[string]*sync.Pool{}}
	files := own()
	for _, p := range pages {
		files = append(files, p.template)
	}
	for _, a := range actions {
		if a.answer != "" {
			files = append(files, a.answer)
		}
	}
	for _, file := range files {
		if r.sheets[file] != nil {
			continue
		}
		if r.sheets[file], err = newSheets(common, assets, file); err != nil {
			return nil, fmt.Errorf("parse %s: %w", file, err)
		}
	}
	return r, nil
}

func newSheets(common *template.Template, assets *assets, file string) (*sync.Pool, error) {
	original, err := common.Clone()
	if err != nil {
		return nil, err //nolint:wrapcheck // newRenderer wraps it
	}
	text, err := fs.ReadFile(templateFiles, "templates/"+file)
	if err != nil {
		return nil, err //nolint:wrapcheck // newRenderer wraps it
	}
	if _, err := original.New(file).Parse(string(text)); err != nil {
		return nil, err //nolint:wrapcheck // newRenderer wraps it
	}
	if live := original.Lookup("live"); live != nil {
		if _, err := original.AddParseTree(bodyOf, live.Tree); err != nil {
			return nil, err //nolint:wrapcheck // newRenderer wraps it
		}
		if _, err := original.New("live").Parse(frameSource); err != nil {
			return nil, err //nolint:wrapcheck // newRenderer wraps it
		}
	}
	if original.Lookup("content") == nil {
		return nil, errors.New(`it does not define "content"`)
	}
	return &sync.Pool{New: func() any {
		copied := template.Must(original.Clone()) // it has not been executed, so it can be cloned
		s := &sheet{templates: copied, scope: &scope{}}
		copied.Funcs(functions(s.scope, assets))
		return s
	}}, nil
}

// page writes a whole page.
func (r *renderer) page(w io.Writer, bound scope, s shown) error {
	return r.execute(w, bound, s, "layout", frame{Title: s.titleOf(), Section: s.page.section, Live: s.page.every > 0, View: s.view})
}

// live writes what a page's live part has inside.
func (r *renderer) live(w io.Writer, bound scope, s shown) error {
	return r.execute(w, bound, s, bodyOf, s.view)
}

// frame is what the layout shows.
type frame struct {
	Title   string
	Section string
	Live    bool
	View    any
}

func (r *renderer) execute(w io.Writer, bound scope, s shown, name string, data any) error {
	sheets := r.sheets[s.page.template]
	if sheets == nil {
		return fmt.Errorf("there is no template %q", s.page.template)
	}
	taken, is := sheets.Get().(*sheet)
	if !is {
		return fmt.Errorf("the template %s is no template", s.page.template)
	}
	*taken.scope = bound
	if err := taken.templates.ExecuteTemplate(w, name, data); err != nil {
		return fmt.Errorf("make %s: %w", s.page.template, err) // what has failed is not used again
	}
	*taken.scope = scope{}
	sheets.Put(taken)
	return nil
}
