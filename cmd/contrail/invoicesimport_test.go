package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/invoicing"
	"github.com/contrail-events/contrail/internal/pgtest"
)

// exampleAt is a database with the example's tables.
func exampleAt(t *testing.T) (url string, pool *pgxpool.Pool) {
	t.Helper()
	url = pgtest.NewURL(t)
	pool = openAt(t, url)
	_, err := invoicing.Migrate(t.Context(), pool)
	require.NoError(t, err)
	return url, pool
}

// invoiceLine is one of 50 contacts' in one of 7 organisations.
func invoiceLine(n int) string {
	return fmt.Sprintf(`{"reference":"i-%d","organisation":{"reference":"o-%d","name":"Apex"},"contact":{"reference":"c-%d","first_name":"Ada",`+
		`"last_name":"Byron","email":"ada@example.org"},"currency_code":"EUR","due_date":"2026-01-31","line_items":[{"description":"Tea",`+
		`"unit_amount":{"amount":"2.50","currency_code":"EUR"},"quantity":2}],"sub_total":{"amount":"5.00","currency_code":"EUR"}}`+"\n", n, n%7, n%50)
}

func countEvents(t *testing.T, pool *pgxpool.Pool, kind string) (events, references int) {
	t.Helper()
	require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(*), count(DISTINCT metadata->>'reference') FROM contrail.events WHERE type = $1`, kind).
		Scan(&events, &references))
	return events, references
}

func requireEachOnce(t *testing.T, pool *pgxpool.Pool, want map[string]int) {
	t.Helper()
	for kind, count := range want {
		events, references := countEvents(t, pool, kind)
		require.Equal(t, count, events, kind)
		require.Equal(t, count, references, kind)
	}
}

// killedImports runs an import several times over, each a bit further, and kills all of them but the last in the middle.
func killedImports(t *testing.T, pool *pgxpool.Pool, lines, kills int, args func(run int) []string) {
	t.Helper()
	for n := 1; n <= kills+1; n++ {
		verb := command(t, nil, append([]string{"invoices", "import", "-", "--tenant", "t-1", "--quiet"}, args(n)...)...)
		var output bytes.Buffer
		verb.Stdout, verb.Stderr = &output, &output
		input, err := verb.StdinPipe()
		require.NoError(t, err)
		before, _ := countEvents(t, pool, "InvoiceDrafted")
		require.NoError(t, verb.Start())
		written := make(chan error, 1)
		go func() {
			var failed error
			for line := range n * lines / (kills + 1) {
				if _, err := io.WriteString(input, invoiceLine(line)); err != nil {
					failed = err
					break
				}
			}
			if n > kills {
				failed = errors.Join(failed, input.Close())
			}
			written <- failed
		}()
		if n > kills {
			require.NoError(t, <-written)
			require.NoError(t, verb.Wait(), &output)
			return
		}
		require.Eventually(t, func() bool {
			after, _ := countEvents(t, pool, "InvoiceDrafted")
			return after > before+lines/(kills+1)/4
		}, 60*time.Second, time.Millisecond, &output)
		require.NoError(t, verb.Process.Kill())
		require.Error(t, verb.Wait())
		if failed := <-written; !errors.Is(failed, syscall.EPIPE) && !errors.Is(failed, os.ErrClosed) {
			require.NoError(t, failed, "there may have been nobody left to read")
		}
	}
}

// A process that is killed in the middle of an import leaves whole invoices behind, and the next one goes on.
func TestInvoicesImportThatIsKilled(t *testing.T) {
	t.Parallel()
	url, pool := exampleAt(t)
	const lines, kills = 400, 3
	killedImports(t, pool, lines, kills, func(int) []string { return []string{"--database-url", url} })
	requireEachOnce(t, pool, map[string]int{"OrganisationCreated": 7, "ContactCreated": 350, "InvoiceDrafted": lines})
}

// serving is a contrail serve of the test's own. It is killed at the end, if it is not before.
type serving struct {
	verb *exec.Cmd
	url  string
}

func serve(t *testing.T, databaseURL, listen string) *serving {
	t.Helper()
	verb := command(t, nil, "serve", "--listen", listen, "--database-url", databaseURL, "--log-level", "error")
	verb.Stderr = t.Output()
	stdout, err := verb.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, verb.Start())
	first, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	s := &serving{verb, strings.TrimSpace(strings.TrimPrefix(first, "listening on "))}
	t.Cleanup(s.kill)
	return s
}

func (s *serving) kill() {
	_ = s.verb.Process.Kill() // it may be gone
	_ = s.verb.Wait()
}

// Imports by the API and into the database take turns, and each is killed.
func TestInvoicesImportsThatAreKilledInEitherWay(t *testing.T) {
	t.Parallel()
	url, pool := exampleAt(t)
	api := serve(t, url, "127.0.0.1:0")
	const lines, kills = 400, 3
	killedImports(t, pool, lines, kills, func(run int) []string {
		if run%2 == 1 {
			return []string{"--api", api.url}
		}
		return []string{"--database-url", url}
	})
	requireEachOnce(t, pool, map[string]int{"OrganisationCreated": 7, "ContactCreated": 350, "InvoiceDrafted": lines})
}

// A service that is killed and started again in the middle of an import is waited for.
func TestInvoicesImportOutlastsTheService(t *testing.T) {
	t.Parallel()
	url, pool := exampleAt(t)
	api := serve(t, url, "127.0.0.1:0")
	const lines = 300
	verb := command(t, nil, "invoices", "import", "-", "--tenant", "t-1", "--api", api.url, "--json", "--patience", "1m")
	var stdout, stderr bytes.Buffer
	verb.Stdout, verb.Stderr = &stdout, &stderr
	input, err := verb.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, verb.Start())
	for line := range lines / 2 {
		_, err = io.WriteString(input, invoiceLine(line))
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		events, _ := countEvents(t, pool, "InvoiceDrafted")
		return events > lines/8
	}, 60*time.Second, time.Millisecond)
	api.kill()
	serve(t, url, strings.TrimPrefix(api.url, "http://"))
	for line := lines / 2; line < lines; line++ {
		_, err = io.WriteString(input, invoiceLine(line))
		require.NoError(t, err)
	}
	require.NoError(t, input.Close())
	require.NoError(t, verb.Wait(), "%s %s", &stdout, &stderr)
	require.Contains(t, stdout.String(), fmt.Sprintf(`{"summary":{"lines":%d,"created":%[1]d,`, lines))
	requireEachOnce(t, pool, map[string]int{"OrganisationCreated": 7, "InvoiceDrafted": lines})
}

// A signal ends an import that waits for more input, and it says how far it came.
func TestInvoicesImportThatIsInterrupted(t *testing.T) {
	t.Parallel()
	url, pool := exampleAt(t)
	verb := command(t, nil, "invoices", "import", "-", "--tenant", "t-1", "--database-url", url)
	var stdout, stderr bytes.Buffer
	verb.Stdout, verb.Stderr = &stdout, &stderr
	input, err := verb.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, verb.Start())
	_, err = io.WriteString(input, invoiceLine(1))
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		events, _ := countEvents(t, pool, "InvoiceDrafted")
		return events == 1
	}, 30*time.Second, time.Millisecond)
	require.NoError(t, verb.Process.Signal(os.Interrupt))
	failed, exited := errors.AsType[*exec.ExitError](verb.Wait())
	require.True(t, exited, stderr.String())
	require.Equal(t, exitNot, failed.ExitCode())
	require.Equal(t, "contrail invoices import: interrupted before it was done\n", stderr.String())
	require.Contains(t, stdout.String(), "imported ")
}

// What a shell has read of a file before, such as a headline, is no part of the input, on the second look as little as on the first.
func TestInvoicesImportBeginsWhereTheInputDoes(t *testing.T) {
	t.Parallel()
	url, pool := exampleAt(t)
	const headline = "reference, amount\n"
	path := filepath.Join(t.TempDir(), "book.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(headline+invoiceLine(1)), 0o600))
	file, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })
	_, err = file.Seek(int64(len(headline)), io.SeekStart)
	require.NoError(t, err)
	verb := command(t, nil, "invoices", "import", "-", "--tenant", "t-1", "--strict", "--database-url", url)
	verb.Stdin = file
	output, err := verb.CombinedOutput()
	require.NoError(t, err, string(output))
	requireEachOnce(t, pool, map[string]int{"InvoiceDrafted": 1})
}

// A real shop's book, which is no part of the project: where nothing is shared beside it, as in a clone alone, there is nothing to import.
func TestInvoicesImportOfARealShop(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("../../../shared"); errors.Is(err, fs.ErrNotExist) {
		t.Skip(err)
	}
	url, pool := exampleAt(t)
	book, err := filepath.Abs("../../../shared/data/chinook-invoices.jsonl")
	require.NoError(t, err)
	api := serve(t, url, "127.0.0.1:0")
	run := func(whither ...string) (told toldImport, lines int) {
		verb := command(t, nil, append([]string{"invoices", "import", book, "--tenant", "t-1", "--organisation", "Chinook", "--json"}, whither...)...)
		output, err := verb.Output()
		require.NoError(t, err)
		all := strings.Split(strings.TrimSpace(string(output)), "\n")
		require.NoError(t, json.Unmarshal([]byte(all[len(all)-1]), &told))
		return told, len(all) - 1
	}
	made := invoicing.ImportSummary{Created: 412, Organisations: invoicing.Created{New: 1}, Contacts: invoicing.Created{New: 59}}
	there := invoicing.ImportSummary{Before: 412, Organisations: invoicing.Created{Before: 1}, Contacts: invoicing.Created{Before: 59}}
	for _, step := range []struct {
		want    invoicing.ImportSummary
		whither []string
	}{{made, []string{"--api", api.url}}, {there, []string{"--database-url", url}}, {there, []string{"--api", api.url}}} {
		step.want.Lines, step.want.Complete, step.want.Totals = 412, true, map[string]string{"USD": "2328.60"}
		told, lines := run(step.whither...)
		require.Equal(t, step.want, told.Summary.ImportSummary)
		require.Equal(t, 412, lines)
		drafted, err := invoicing.ReadDrafted(t.Context(), pool, "t-1")
		require.NoError(t, err)
		require.Equal(t, invoicing.Drafted{Invoices: 412, Totals: map[string]string{"USD": "2328.60"}}, drafted)
		requireEachOnce(t, pool, map[string]int{"OrganisationCreated": 1, "ContactCreated": 59, "InvoiceDrafted": 412})
		var imports int
		require.NoError(t, pool.QueryRow(t.Context(), `SELECT count(DISTINCT metadata->>'correlation_id') FROM contrail.events`).Scan(&imports))
		require.Equal(t, 1, imports, "all that one import set off is joined")
	}
}
