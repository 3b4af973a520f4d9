package dashboard

import (
	"net/http"
	"strings"
	"time"
	_ "time/tzdata" // the time zones, where the system has none
)

const (
	zoneCookie  = "contrail_zone"
	themeCookie = "contrail_theme"
	aYear       = 365 * 24 * 60 * 60 // seconds
)

// zoneOf is the time zone that somebody wants to see; UTC if they have not said.
func zoneOf(r *http.Request) *time.Location {
	cookie, err := r.Cookie(zoneCookie)
	if err != nil {
		return time.UTC
	}
	return zoneNamed(cookie.Value)
}

// zoneNamed is UTC where there is no such zone. "Local" is the server's, which nobody can mean.
func zoneNamed(name string) *time.Location {
	const longest = 64
	zone, err := time.LoadLocation(name)
	if err != nil || len(name) > longest || name == "Local" {
		return time.UTC
	}
	return zone
}

// themeOf is light, dark or "": as the system has it.
func themeOf(r *http.Request) string {
	cookie, err := r.Cookie(themeCookie)
	if err != nil || cookie.Value != "light" && cookie.Value != "dark" {
		return ""
	}
	return cookie.Value
}

// prefer keeps what somebody likes to see, in their browser.
func (d *Dashboard) prefer(w http.ResponseWriter, r *http.Request) {
	if zone, given := r.PostFormValue("zone"), r.PostForm.Has("zone"); given {
		d.keep(w, r, zoneCookie, zoneNamed(strings.TrimSpace(zone)).String())
	}
	if theme, given := r.PostFormValue("theme"), r.PostForm.Has("theme"); given {
		if theme != "light" && theme != "dark" {
			theme = ""
		}
		d.keep(w, r, themeCookie, theme)
	}
	http.Redirect(w, r, insideOnly(r.PostFormValue("from")), http.StatusSeeOther) //nolint:gosec // insideOnly sees to it
}

func (d *Dashboard) keep(w http.ResponseWriter, r *http.Request, name, value string) {
	age := aYear
	if value == "" {
		age = -1
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // without TLS a secure cookie would not come back
		Name: name, Value: value, Path: "/", MaxAge: age, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: d.access.overTLS(r),
	})
}
