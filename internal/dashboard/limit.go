package dashboard

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	attemptsAtOnce = 10               // to log in, of one address and for one user
	attemptEvery   = 10 * time.Second // after those
	mostCounted    = 10_000           // addresses and users
	hashesAtOnce   = 2                // passwords that are compared at a time
)

type limited string

const (
	limitByAddress limited = "address"
	limitByUser    limited = "user"
)

// limits count attempts to log in.
type limits struct {
	now func() time.Time

	mu sync.Mutex
	by map[[sha256.Size]byte]*rate.Limiter // by the hash of the name, which may be as long as a form
}

func newLimits(now func() time.Time) *limits {
	return &limits{now: now, by: map[[sha256.Size]byte]*rate.Limiter{}}
}

// limitError says that somebody has to wait.
type limitError struct{ wait time.Duration }

func (e *limitError) Error() string {
	return fmt.Sprintf("there were too many attempts; try again in %s seconds", e.after())
}

// after is for the header Retry-After: whole seconds.
func (e *limitError) after() string { return strconv.Itoa(int(math.Ceil(e.wait.Seconds()))) }

// asLimited tells whether an error says to wait.
func asLimited(err error) (*limitError, bool) { return errors.AsType[*limitError](err) }

// take counts an attempt, or says how long to wait. It is counted before it is known how it ends, so that many at once are no way around; succeeded takes it back.
func (l *limits) take(by limited, name string) (succeeded func(), err error) {
	if by == limitByAddress {
		name = network(name)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	now, key := l.now(), sha256.Sum256([]byte(string(by)+" "+name))
	bucket := l.by[key]
	if bucket == nil {
		l.makeRoom(now)
		bucket = rate.NewLimiter(rate.Every(attemptEvery), attemptsAtOnce)
		l.by[key] = bucket
	}
	reservation := bucket.ReserveN(now, 1)
	if wait := reservation.DelayFrom(now); wait > 0 {
		reservation.CancelAt(now)
		return nil, &limitError{wait}
	}
	return func() { reservation.CancelAt(now) }, nil
}

// makeRoom forgets those who may try as often as if they were new; if there are too many still, who has the most attempts left: nobody gets new ones by bringing
// up many names.
func (l *limits) makeRoom(now time.Time) {
	if len(l.by) < mostCounted {
		return
	}
	var fullest [sha256.Size]byte
	most := -1.0
	for key, bucket := range l.by {
		tokens := bucket.TokensAt(now)
		if tokens >= attemptsAtOnce {
			delete(l.by, key)
		} else if tokens > most {
			fullest, most = key, tokens
		}
	}
	if len(l.by) >= mostCounted {
		delete(l.by, fullest)
	}
}

// network is what one person has all addresses of, at home: of IPv6, 64 bits.
func network(address string) string {
	const home = 64
	parsed, err := netip.ParseAddr(address)
	if err != nil || parsed.Is4() {
		return address
	}
	prefix, err := parsed.WithZone("").Prefix(home)
	if err != nil {
		return address
	}
	return prefix.String()
}
