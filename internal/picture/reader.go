package picture

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"github.com/contrail-events/contrail/subscribers/projections"
)

// Reader reads pictures. Its methods may be called from several goroutines.
type Reader struct {
	pool   *pgxpool.Pool       // nil: none
	js     jetstream.JetStream // nil: none
	config Config

	deliveries kept[[]Ledger]
	runs       kept[[]Workflow]
	webhooks   kept[*Endpoints]
	inbox      kept[map[string]int64]
	handled    kept[map[string]Percentiles]
	counted    lags
}

// New returns a Reader of a database and a broker, either of which may be nil. It asks nothing yet, and closes neither. The pool should have room for two
// connections or more.
func New(pool *pgxpool.Pool, js jetstream.JetStream, config Config) *Reader {
	return &Reader{pool: pool, js: js, config: config.withDefaults()}
}

// part is one of those that a picture is read in. It writes to fields of its own, so that all may be read at once.
type part struct {
	name string
	read func(ctx context.Context, to *Picture) error
}

// Read reads a picture. It never fails: what can't be read says so in Picture.Unknown.
func (r *Reader) Read(ctx context.Context) Picture {
	picture := Picture{At: r.config.Now(), Problems: []Problem{}, Unknown: []Unknown{}}
	r.readParts(ctx, &picture, []part{{"PostgreSQL", r.readPostgres}, {"NATS", r.readNATS}})
	var parts []part
	if picture.Postgres.Up {
		parts = append(parts, []part{
			{"store", r.readStore},
			{"streams", r.readStreams},
			{"relays", r.readRelays},
			{"deliveries", r.readDeliveries},
			{"runs", r.readRuns},
			{"webhooks", r.readWebhooks},
			{"inbox", r.readInbox},
			{"latency", r.readHandling},
		}...)
	}
	if picture.NATS.Up {
		parts = append(parts, part{"subscriptions", r.readSubscriptions}, part{"dead letters", r.readDeadLetters})
	}
	var known []projections.Projection
	if picture.Postgres.Up {
		parts = append(parts, part{"projections", func(ctx context.Context, _ *Picture) (err error) {
			known, err = projections.List(ctx, r.pool)
			return err
		}})
	}
	r.readParts(ctx, &picture, parts)
	if known != nil {
		r.readParts(ctx, &picture, []part{{"what projections have yet to read", func(ctx context.Context, to *Picture) error {
			return r.readLags(ctx, to, known)
		}}})
	}
	picture.Problems = append(picture.Problems, r.problems(picture)...)
	return picture
}

// readParts reads parts at once, each in its time, and notes those that can't be.
func (r *Reader) readParts(ctx context.Context, to *Picture, parts []part) {
	var group errgroup.Group
	var mu sync.Mutex
	for _, one := range parts {
		group.Go(func() error {
			bounded, cancel := context.WithTimeoutCause(ctx, r.config.Limits.Timeout, fmt.Errorf("no answer within %s", r.config.Limits.Timeout))
			defer cancel()
			err := one.read(bounded, to)
			if err == nil {
				return nil
			}
			if bounded.Err() != nil {
				err = context.Cause(bounded)
			}
			mu.Lock()
			defer mu.Unlock()
			to.Unknown = append(to.Unknown, Unknown{What: one.name, Error: oneLine(err)})
			return nil
		})
	}
	_ = group.Wait() // none of them fails
	slices.SortFunc(to.Unknown, func(a, b Unknown) int { return strings.Compare(a.What, b.What) })
}

// longest is how much of an error is told, in bytes.
const longest = 300

// oneLine is an error without line breaks, and without what goes on for pages.
func oneLine(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + " …"
	}
	return text
}
