package deliveries

import (
	"fmt"
	"os"
	"strconv"
	"sync/atomic"

	"github.com/google/uuid"
)

// Ledger is one consumer's. It is safe for concurrent use.
type Ledger struct {
	db      DB
	config  Config
	process string // names this process in claims and attempts, for people
	nudges  chan struct{}
	hands   hands
	running atomic.Bool
}

// New makes a ledger, or returns an error that names every faulty field of config. The pool stays the caller's to close, when [Ledger.Run] has
// returned. The tables are those of eventstore.Migrate.
func New(db DB, config Config) (*Ledger, error) {
	if db == nil {
		return nil, fmt.Errorf("ledger of %q: the database is nil", config.Consumer)
	}
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("ledger of %q: deliveries.Config: %w", config.Consumer, err)
	}
	return &Ledger{db: db, config: config, process: processName(), nudges: make(chan struct{}, 1)}, nil
}

// processName is unique: two ledgers of one program are two processes, as far as claims are concerned.
func processName() string {
	host, _ := os.Hostname() // it is for people only
	return host + "/" + strconv.Itoa(os.Getpid()) + "/" + uuid.NewString()[:8]
}

// Wake has [Ledger.Run] look for what is due at once, as after the commit of what was planned elsewhere.
func (l *Ledger) Wake() {
	select {
	case l.nudges <- struct{}{}:
	default:
	}
}
