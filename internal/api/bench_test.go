package api_test

import (
	"net/http"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/pgtest"
)

const (
	benchClients     = 16
	benchConnections = 16 // as contrail serve has them by default
)

// newBenched is a service with as many connections as contrail serve has. CONTRAIL_DURABLE=1 makes the database wait for its disk.
func newBenched(b *testing.B) *service {
	b.Helper()
	given := pgtest.New(b)
	_, err := invoicing.Migrate(b.Context(), given)
	require.NoError(b, err)
	config := given.Config()
	config.MaxConns = benchConnections
	pool, err := pgxpool.NewWithConfig(b.Context(), config)
	require.NoError(b, err)
	b.Cleanup(pool.Close)
	return serve(b, pool)
}

// hammer has the clients do something as often as the benchmark says, and reports how often a second, and how long 99 in 100 took at most.
func hammer(b *testing.B, unit string, do func() error) {
	b.Helper()
	var mu sync.Mutex
	all := make([]time.Duration, 0, b.N)
	b.SetParallelism(max(1, benchClients/runtime.GOMAXPROCS(0)))
	b.ResetTimer()
	b.RunParallel(func(loop *testing.PB) {
		var took []time.Duration
		for loop.Next() {
			began := time.Now()
			if err := do(); err != nil {
				b.Error(err)
				return
			}
			took = append(took, time.Since(began))
		}
		mu.Lock()
		all = append(all, took...)
		mu.Unlock()
	})
	b.StopTimer()
	if len(all) == 0 {
		return
	}
	slices.Sort(all)
	b.ReportMetric(float64(len(all))/b.Elapsed().Seconds(), unit+"/s")
	b.ReportMetric(float64(all[len(all)*99/100])/float64(time.Millisecond), "p99-ms")
}

// Sixteen clients draft invoices of ten lines.
func BenchmarkDrafts(b *testing.B) {
	s := newBenched(b)
	organisation := s.organisation(b)
	body := draft(organisation, s.contact(b, organisation))
	lines := make([]object, 10)
	for i := range lines {
		lines[i] = line("Balls to the Wall, Restless and Wild", "0.99", "AUD", i+1)
	}
	body["line_items"] = lines
	hammer(b, "drafts", func() error {
		got, err := s.try(b.Context(), http.MethodPost, "/accountify/invoice", body)
		if err == nil && got.Status != http.StatusCreated {
			b.Error(got.String())
		}
		return err
	})
}

// Sixteen clients read the summary of an organisation with invoices in every status.
func BenchmarkSummary(b *testing.B) {
	s := newBenched(b)
	s.follow(b)
	organisation := s.organisation(b)
	contact := s.contact(b, organisation)
	last := ""
	for n := range 40 {
		id, got := s.command(b, http.MethodPost, "/accountify/invoice", draft(organisation, contact))
		for _, verb := range []string{"issue", "paid"}[:n%3] {
			_, got = s.command(b, http.MethodPatch, "/accountify/invoice/"+id+"/"+verb, nil)
		}
		last = got.Header.Get("Contrail-Position")
	}
	path := "/accountify/organisation/" + organisation + "/summary"
	s.get(b, path+"?at_least="+last)
	hammer(b, "reads", func() error {
		got, err := s.try(b.Context(), http.MethodGet, path, nil)
		if err == nil && got.Status != http.StatusOK {
			b.Error(got.String())
		}
		return err
	})
}
