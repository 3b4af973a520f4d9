package dashboard

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"
)

const (
	mostSessions = 10_000 // in all
	eachSessions = 20     // of one user
)

// sessions are those who have logged in, in this process's memory alone: when it ends, all are logged out.
type sessions struct {
	idle, total time.Duration
	now         func() time.Time

	mu sync.Mutex
	by map[[sha256.Size]byte]*session // by the hash of the id, so that looking it up tells nothing about ids
}

// session is of somebody who has logged in.
type session struct {
	who  identity
	user user // that has logged in; none, if it was a token

	began, used time.Time
}

func newSessions(config Config) *sessions {
	return &sessions{idle: config.Idle, total: config.Session, now: config.Now, by: map[[sha256.Size]byte]*session{}}
}

// begin keeps a session and returns its id. Where there are too many of the user's, or at all, the one that was used least lately ends.
func (s *sessions) begin(begun session) (id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.prune(now)
	s.makeRoom(begun.who.Name)
	begun.began, begun.used = now, now
	id = rand.Text() + rand.Text() // 260 bits
	s.by[sha256.Sum256([]byte(id))] = &begun
	return id
}

func (s *sessions) prune(now time.Time) {
	for key, one := range s.by {
		if s.over(one, now) {
			delete(s.by, key)
		}
	}
}

func (s *sessions) makeRoom(name string) {
	type oldest struct {
		key   [sha256.Size]byte
		used  time.Time
		count int
	}
	var own, all oldest
	note := func(o *oldest, key [sha256.Size]byte, used time.Time) {
		if o.count++; o.count == 1 || used.Before(o.used) {
			o.key, o.used = key, used
		}
	}
	for key, one := range s.by {
		note(&all, key, one.used)
		if one.who.Name == name {
			note(&own, key, one.used)
		}
	}
	if own.count >= eachSessions {
		delete(s.by, own.key)
	}
	if all.count >= mostSessions {
		delete(s.by, all.key)
	}
}

func (s *sessions) over(one *session, now time.Time) bool {
	return now.Sub(one.used) >= s.idle || now.Sub(one.began) >= s.total
}

// find returns a session that is not over; use keeps it alive.
func (s *sessions) find(id string, use bool) (session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, now := sha256.Sum256([]byte(id)), s.now()
	found := s.by[key]
	if found == nil {
		return session{}, false
	}
	if s.over(found, now) {
		delete(s.by, key)
		return session{}, false
	}
	if use {
		found.used = now
	}
	return *found, true
}

// end logs out.
func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.by, sha256.Sum256([]byte(id)))
}

// cookieName is bound to this very host where the browser can see to it.
func (a *access) cookieName(r *http.Request) string {
	if a.overTLS(r) {
		return "__Host-contrail_session"
	}
	return "contrail_session"
}

// setCookie gives the browser an id, or takes it away if it is "".
func (a *access) setCookie(w http.ResponseWriter, r *http.Request, id string) {
	age := int(a.config.Session / time.Second)
	if id == "" {
		age = -1
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // without TLS a secure cookie would not come back
		Name: a.cookieName(r), Value: id, Path: "/", MaxAge: age, HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: a.overTLS(r),
	})
}
