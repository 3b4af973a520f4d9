package dashboard

import (
	"net/http"
	"net/url"
	"strings"
)

// loginView is what the login page shows.
type loginView struct {
	Next  string
	Name  string
	Fault string
	Users bool // there are some with a name
	Token bool // a token is taken
	Plain bool // what is sent can be read on its way
}

// showLogin shows the login page, to those who have to log in.
func (d *Dashboard) showLogin(w http.ResponseWriter, r *http.Request) {
	next := insideOnly(r.URL.Query().Get("next"))
	if _, err := d.access.identify(r); err == nil {
		http.Redirect(w, r, next, http.StatusSeeOther) //nolint:gosec // insideOnly has seen to it
		return
	}
	d.writeLogin(w, r, http.StatusOK, loginView{Next: next})
}

func (d *Dashboard) writeLogin(w http.ResponseWriter, r *http.Request, status int, view loginView) {
	view.Users = d.config.UsersFile != ""
	view.Token = d.config.Token != "" || d.config.ViewerToken != ""
	view.Plain = !d.access.overTLS(r) && !peer(r).IsLoopback()
	d.writePage(w, d.stranger(r), status, shown{page: page{template: "login.html", title: "Log in"}, view: view})
}

// login begins a session.
func (d *Dashboard) login(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		d.refuse(w, r, errBadInput("the form can't be read"))
		return
	}
	view := loginView{Next: insideOnly(r.PostFormValue("next")), Name: strings.TrimSpace(r.PostFormValue("name"))}
	if !d.config.credentials() {
		http.Redirect(w, r, view.Next, http.StatusSeeOther)
		return
	}
	begun, err := d.access.verify(r, view.Name, r.PostFormValue("password"))
	if err != nil {
		if limited, is := asLimited(err); is {
			w.Header().Set("Retry-After", limited.after())
		}
		view.Fault = sentence(err.Error())
		d.writeLogin(w, r, statusOf(err), view)
		return
	}
	if cookie, err := r.Cookie(d.access.cookieName(r)); err == nil {
		d.access.sessions.end(cookie.Value)
	}
	d.access.setCookie(w, r, d.access.sessions.begin(begun))
	http.Redirect(w, r, view.Next, http.StatusSeeOther)
}

// logout ends a session.
func (d *Dashboard) logout(w http.ResponseWriter, r *request) {
	if cookie, err := r.http.Cookie(d.access.cookieName(r.http)); err == nil {
		d.access.sessions.end(cookie.Value)
	}
	d.access.setCookie(w, r.http, "")
	http.Redirect(w, r.http, "/login", http.StatusSeeOther)
}

// loginAddress is the login page, which leads on to what was asked for.
func loginAddress(r *http.Request) string {
	if r.URL.RequestURI() == "/" {
		return "/login"
	}
	return "/login?" + url.Values{"next": {r.URL.RequestURI()}}.Encode()
}

// insideOnly is an address of this dashboard, or its first page: never one of another site, however it is written.
func insideOnly(address string) string {
	parsed, err := url.Parse(address)
	switch {
	case err != nil, parsed.IsAbs(), parsed.Host != "", parsed.User != nil, !strings.HasPrefix(address, "/"), strings.HasPrefix(parsed.Path, "//"),
		strings.ContainsAny(address, "\\\t\r\n"):
		return "/"
	}
	return parsed.RequestURI()
}
