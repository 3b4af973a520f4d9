package dashboard

import (
	"net/http"
	"net/url"
	"time"
)

// scope is what templates know of the request that a page is made for.
type scope struct {
	who     identity
	zone    *time.Location
	now     time.Time
	address *url.URL // of the page
	theme   string   // light, dark or "": as the system has it
	config  Config
	open    bool // nobody has to log in
}

// scope is that of a request.
func (d *Dashboard) scope(r *request) scope {
	return scope{who: r.who, zone: r.zone, now: r.now, address: r.http.URL, theme: themeOf(r.http), config: d.config, open: !d.config.credentials()}
}

// request is what a page is asked by somebody.
func (d *Dashboard) request(r *http.Request, who identity) *request {
	return &request{http: r, who: who, zone: zoneOf(r), now: d.config.Now()}
}

// stranger is the request of somebody of whom nothing is known.
func (d *Dashboard) stranger(r *http.Request) *request { return d.request(r, identity{}) }

// with is the page's address with one key of its query changed, or left out where the value is "". Whatever is changed but the place in a list, the list
// begins anew.
func (s *scope) with(key, value string) string {
	values := s.address.Query()
	if key != "format" {
		values.Del("format")
	}
	values.Del("live")
	if key != "format" && key != "live" {
		values.Del("before")
		values.Del("after")
	}
	values.Del(key)
	if value != "" {
		values.Set(key, value)
	}
	changed := url.URL{Path: s.address.Path, RawPath: s.address.RawPath, RawQuery: values.Encode()}
	return changed.String()
}
