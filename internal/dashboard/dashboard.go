package dashboard

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/audit"
	"github.com/contrail-events/contrail/internal/picture"
)

// Dashboard is the pages and the actions. It may serve any number of requests at once.
type Dashboard struct {
	pool   *pgxpool.Pool
	js     jetstream.JetStream
	config Config

	store   *eventstore.Store // without keys: what is encrypted stays so
	audit   *audit.Log
	reader  *picture.Reader
	sampler *picture.Sampler
	examine *examination

	access  *access
	assets  *assets
	render  *renderer
	feeds   *feeds
	handler http.Handler

	ending chan struct{}  // closed when the dashboard ends: live pages and what goes on in the background end, too
	end    func()         // closes ending
	doing  sync.Mutex     // guards that nothing is added to acting once ending is closed
	acting sync.WaitGroup // of actions, those that go on in the background included
}

// New returns a dashboard over a database with Contrail's tables, of which it takes up to six connections at a time, and a broker. It does no I/O but for
// reading the file of users. The error names every faulty field of the config, and says so if an address that others reach is to be served without credentials.
func New(pool *pgxpool.Pool, js jetstream.JetStream, config Config) (*Dashboard, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	store, err := eventstore.New(eventstore.Config{})
	if err != nil {
		return nil, err
	}
	d := &Dashboard{pool: pool, js: js, config: config, store: store, audit: audit.New(pool), feeds: newFeeds(), ending: make(chan struct{})}
	d.end = sync.OnceFunc(func() {
		d.doing.Lock()
		defer d.doing.Unlock()
		close(d.ending)
	})
	d.reader = picture.New(pool, js, picture.Config{Stream: config.Stream, Prefix: config.Prefix, DeadLetters: config.DeadLetters})
	d.sampler = picture.NewSampler(d.reader)
	if d.examine, err = newExamination(pool, js, config); err != nil {
		return nil, err
	}
	if d.access, err = newAccess(config); err != nil {
		return nil, err
	}
	if d.assets, err = readAssets(); err != nil {
		return nil, fmt.Errorf("new dashboard: %w", err)
	}
	if d.render, err = newRenderer(d.assets, d.pages(), d.actions()); err != nil {
		return nil, fmt.Errorf("new dashboard: %w", err)
	}
	d.handler = d.guarded(d.routes())
	return d, nil
}

// Handler serves the pages and the actions. Requests that are not finished keep reading the database, so close the pool after them.
func (d *Dashboard) Handler() http.Handler { return d.handler }

// Run reads the figures that the pages show, until ctx ends. Then live pages end, no action is begun any more, those that go on in the background are
// cancelled, others after eight seconds, and all are waited for: what has become of them is in the audit log.
func (d *Dashboard) Run(ctx context.Context) error {
	err := d.sampler.Run(ctx)
	d.end()
	d.acting.Wait()
	return err
}
