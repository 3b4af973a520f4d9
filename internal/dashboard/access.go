package dashboard

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
)

// access tells who somebody is. It may be used by many goroutines.
type access struct {
	config   Config
	users    *users
	sessions *sessions
	limits   *limits
	hashing  chan struct{} // taken while a password is compared, which takes memory and time
}

func newAccess(config Config) (*access, error) {
	a := &access{config: config, sessions: newSessions(config), limits: newLimits(config.Now), hashing: make(chan struct{}, hashesAtOnce)}
	var err error
	if a.users, err = openUsers(config.UsersFile, config.Logger); err != nil {
		return nil, fmt.Errorf("dashboard.Config: UsersFile: %w", err)
	}
	return a, nil
}

const (
	tokenName       = "token"
	viewerTokenName = "viewer-token"
)

// known lets through those of whom is known who they are. Others are sent to the login page, or told that they lack a credential.
func (d *Dashboard) known(next func(w http.ResponseWriter, r *request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who, err := d.access.identify(r)
		if err == nil {
			next(w, d.request(r, who))
			return
		}
		if limited, is := asLimited(err); is {
			w.Header().Set("Retry-After", limited.after())
		}
		if statusOf(err) != http.StatusUnauthorized || wantsJSON(r) || r.URL.Query().Get("live") != "" || r.Method != http.MethodGet {
			if statusOf(err) == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", `Bearer realm="contrail dashboard"`)
			}
			d.refuse(w, r, err)
			return
		}
		http.Redirect(w, r, loginAddress(r), http.StatusSeeOther)
	}
}

// errUnknown says that nothing tells who asks.
func errUnknown() error {
	return &httpError{http.StatusUnauthorized, "nothing tells who you are: log in at /login, or send the token as Authorization: Bearer TOKEN"}
}

// identify tells who asks: by the session, by the bearer token, or by nothing where nobody else can.
func (a *access) identify(r *http.Request) (identity, error) {
	if !a.config.credentials() {
		return local(), nil
	}
	if token, given := bearer(r); given {
		return a.byToken(r, token)
	}
	if who, found := a.bySession(r, r.URL.Query().Get("live") == ""); found { // what a page asks for by itself keeps nobody logged in
		return who, nil
	}
	return identity{}, errUnknown()
}

// bearer is the token that a request shows.
func bearer(r *http.Request) (token string, given bool) {
	return strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
}

// still tells whether somebody who was known still is. It does not keep their session alive.
func (a *access) still(r *http.Request, who identity) bool {
	if _, given := bearer(r); given || !a.config.credentials() {
		return true // a token is the same until the program ends
	}
	now, found := a.bySession(r, false)
	return found && now == who
}

// byToken tells who has shown a token. Wrong ones are counted like failed logins.
func (a *access) byToken(r *http.Request, shown string) (identity, error) {
	if who, right := a.tokenOf(shown); right {
		return who, nil
	}
	if _, err := a.limits.take(limitByAddress, a.address(r)); err != nil {
		return identity{}, err
	}
	return identity{}, errUnknown()
}

// tokenOf compares with both tokens, however the first comparison ends.
func (a *access) tokenOf(shown string) (identity, bool) {
	operator, viewer := same(shown, a.config.Token), same(shown, a.config.ViewerToken)
	switch {
	case operator:
		return identity{tokenName, Operator}, true
	case viewer:
		return identity{viewerTokenName, Viewer}, true
	}
	return identity{}, false
}

// same compares in a time that tells nothing about where or whether they differ. An empty one is the same as none.
func same(shown, wanted string) bool {
	given, want := sha256.Sum256([]byte(shown)), sha256.Sum256([]byte(wanted))
	return subtle.ConstantTimeCompare(given[:], want[:]) == 1 && wanted != ""
}

// bySession tells whose session it is; use keeps it alive.
func (a *access) bySession(r *http.Request, use bool) (identity, bool) {
	cookie, err := r.Cookie(a.cookieName(r))
	if err != nil {
		return identity{}, false
	}
	found, is := a.sessions.find(cookie.Value, use)
	if !is || !a.stands(r.Context(), found) {
		return identity{}, false
	}
	return found.who, true
}

// stands tells whether what somebody has logged in with is still valid: a user who was removed, or has another password or role now, has to log in again.
func (a *access) stands(ctx context.Context, s session) bool {
	if s.user == (user{}) {
		return true // a token, which is the same until the program ends
	}
	now, found := a.users.find(ctx, s.user.name)
	return found && now == s.user
}

// verify tells who has given a name and a password, or a token in place of a password.
func (a *access) verify(r *http.Request, name, password string) (session, error) {
	ofAddress, err := a.limits.take(limitByAddress, a.address(r))
	if err != nil {
		return session{}, err
	}
	if name == "" {
		if who, right := a.tokenOf(password); right {
			ofAddress()
			return session{who: who}, nil
		}
		return session{}, errWrong()
	}
	ofUser, err := a.limits.take(limitByUser, name)
	if err != nil {
		return session{}, err
	}
	select {
	case a.hashing <- struct{}{}:
		defer func() { <-a.hashing }()
	case <-r.Context().Done():
		return session{}, &httpError{http.StatusServiceUnavailable, "too many are logging in at once; try again"}
	}
	found, right := a.users.check(r.Context(), name, password)
	if !right {
		a.config.Logger.WarnContext(r.Context(), "a login has failed", slog.String("address", a.address(r)))
		return session{}, errWrong()
	}
	ofUser()
	ofAddress()
	return session{who: identity{found.name, found.role}, user: found}, nil
}

// errWrong does not tell which of the two is wrong.
func errWrong() error {
	return &httpError{http.StatusUnauthorized, "the name, the password or the token is wrong"}
}
