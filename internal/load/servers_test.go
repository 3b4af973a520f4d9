package load_test

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/eventstore"
	"github.com/contrail-events/contrail/internal/load"
	"github.com/contrail-events/contrail/internal/localstack"
	"github.com/contrail-events/contrail/internal/natstest"
	"github.com/contrail-events/contrail/internal/pgtest"
	"github.com/contrail-events/contrail/publisher"
)

// Broker and database go away in the midst of a run, and come back: it goes on, and what was promised of the way holds.
func TestRunSurvivesItsServers(t *testing.T) {
	t.Parallel()
	for name, durable := range map[string]string{"a subscription": "load", "an ephemeral consumer": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			postgres := pgtest.Server(t, localstack.PostgresConfig{Durable: true})
			config, err := pgxpool.ParseConfig(postgres.URL())
			require.NoError(t, err)
			config.MaxConns = 10
			pool, err := pgxpool.NewWithConfig(t.Context(), config)
			require.NoError(t, err)
			t.Cleanup(pool.Close)
			_, err = eventstore.Migrate(t.Context(), pool)
			require.NoError(t, err)
			js, broker := natstest.JetStream(t)
			relay, err := publisher.NewRelay(pool, js, publisher.Config{})
			require.NoError(t, err)
			w := &world{pool: pool, js: js, relay: relay}
			cfg := w.config()
			cfg.Rate, cfg.Count, cfg.Durable = 100, 300, durable
			stages := 0
			cfg.Progress = func(p load.Progress) {
				switch {
				case stages == 0 && p.Handled >= 20:
					stages++
					require.NoError(t, broker.Restart())
				case stages == 1 && p.Handled >= 60:
					stages++
					require.NoError(t, postgres.Restart(t.Context()))
				}
			}
			r := w.run(t, cfg)
			require.Equal(t, 2, stages)
			require.Zero(t, r.Lost+r.OutOfOrder+r.Abandoned, "%+v", r)
			require.EqualValues(t, 300, r.Appended)
			require.EqualValues(t, 300, r.Handled)
			require.Positive(t, r.Retries)
			require.EqualValues(t, 300+cfg.Concurrency, w.rows(t, `SELECT count(*) FROM contrail.events`))
		})
	}
}
