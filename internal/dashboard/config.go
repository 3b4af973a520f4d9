package dashboard

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/contrail-events/contrail/internal/wire"
)

// DefaultListen is the default of Config.Listen.
const DefaultListen = "127.0.0.1:8088"

const (
	leastToken = 16 // characters: what is shorter can be guessed

	defaultIdle    = 4 * time.Hour
	defaultSession = 12 * time.Hour
)

// Config of a [Dashboard]. The zero value serves this computer alone, without credentials, and the stream EVENTS.
type Config struct {
	// Listen is the address that the dashboard is served at, as HOST:PORT; "" means [DefaultListen]. On loopback whoever reaches it is an operator, unless
	// credentials are given; elsewhere New refuses to do without them.
	Listen string

	Token       string // of operators, 16 characters or more; "": none. It is a password for the login page, and a bearer token for programs
	ViewerToken string // of those who may only look; likewise
	UsersFile   string // of lines name:role:hash, as [HashPassword] makes the hashes; it is read again when it changes. "": none

	// TrustedProxies are who is believed in X-Forwarded-For and X-Forwarded-Proto; none: nobody is.
	TrustedProxies []netip.Prefix

	Idle    time.Duration // how long a session lasts without a request; zero means 4 h
	Session time.Duration // how long a session lasts at all; zero means 12 h

	Stream      string // of JetStream, with the events; "" means EVENTS
	Prefix      string // the first part of the stream's subjects; "" means events
	DeadLetters string // the JetStream stream of dead letters; "" means DEADLETTERS

	Version string           // of this program, to show; "": none is
	Logger  *slog.Logger     // nil: nothing is logged
	Now     func() time.Time // nil: the system's clock
}

func (c Config) withDefaults() Config {
	setDefault(&c.Listen, DefaultListen)
	setDefault(&c.Stream, wire.DefaultStream)
	setDefault(&c.Prefix, wire.DefaultPrefix)
	setDefault(&c.DeadLetters, wire.DefaultDeadLetters)
	setDefault(&c.Idle, defaultIdle)
	setDefault(&c.Session, defaultSession)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// validate names every faulty field at once.
func (c Config) validate() error {
	var faults []error
	fault := func(bad bool, format string, args ...any) {
		if bad {
			faults = append(faults, fmt.Errorf("dashboard.Config: "+format, args...))
		}
	}
	_, _, err := net.SplitHostPort(c.Listen)
	fault(err != nil, "Listen is %q, must be HOST:PORT", c.Listen)
	fault(err == nil && !isLoopback(c.Listen) && !c.credentials(),
		"Listen is %q, which others reach: set Token or UsersFile, or listen on 127.0.0.1", c.Listen)
	fault(c.Token != "" && len(c.Token) < leastToken, "Token has %d characters, must have %d or more", len(c.Token), leastToken)
	fault(c.ViewerToken != "" && len(c.ViewerToken) < leastToken, "ViewerToken has %d characters, must have %d or more", len(c.ViewerToken), leastToken)
	fault(c.Token != "" && c.Token == c.ViewerToken, "Token and ViewerToken are the same, which would make operators of viewers")
	fault(c.ViewerToken != "" && c.Token == "" && c.UsersFile == "", "ViewerToken is set, but nobody could be an operator: set Token or UsersFile")
	fault(c.Idle < time.Second, "Idle is %s, must be 1s or more", c.Idle)
	fault(c.Session < c.Idle, "Session is %s, must be as long as Idle, which is %s", c.Session, c.Idle)
	return errors.Join(faults...)
}

// credentials tells whether there are any.
func (c Config) credentials() bool { return c.Token != "" || c.ViewerToken != "" || c.UsersFile != "" }

// isLoopback tells whether nobody but this computer reaches an address.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	return isLoopbackName(host)
}
