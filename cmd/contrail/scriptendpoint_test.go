package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
)

// posted is a request that an endpoint got.
type posted struct {
	Header http.Header
	Body   []byte
}

// useEndpoint is an HTTP endpoint of the script's own: endpoint start STATUS [BODY] sets ENDPOINT to its URL, endpoint got N SECRET… waits until it has N
// requests with different ids that another implementation of the Standard Webhooks takes for genuine, by each of the secrets; endpoint got 0 wants none at all.
func useEndpoint(ts *testscript.TestScript, _ bool, args []string) {
	switch args[0] {
	case "start":
		status, err := strconv.Atoi(args[1])
		ts.Check(err)
		body := ""
		if len(args) > 2 {
			body = args[2]
		}
		ts.Setenv("ENDPOINT", startEndpoint(tbOf(ts), status, body))
	case "got":
		want, err := strconv.Atoi(args[1])
		ts.Check(err)
		if want == 0 {
			require.Empty(tbOf(ts), requestsOf(ts))
			return
		}
		require.Eventually(tbOf(ts), func() bool { return genuine(requestsOf(ts), want, args[2:]) == nil },
			30*time.Second, 10*time.Millisecond, "%d requests that are signed with each of the secrets", want)
	default:
		ts.Fatalf("no such command: %s", args[0])
	}
}

// startEndpoint answers every POST alike, and a GET with what was posted so far.
func startEndpoint(tb testing.TB, status int, body string) string {
	tb.Helper()
	var mu sync.Mutex
	all := []posted{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Method == http.MethodGet {
			_ = json.NewEncoder(w).Encode(all)
			return
		}
		text, _ := io.ReadAll(r.Body)
		all = append(all, posted{r.Header, text})
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	tb.Cleanup(server.Close)
	return server.URL
}

func requestsOf(ts *testscript.TestScript) (all []posted) {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, ts.Getenv("ENDPOINT"), nil)
	ts.Check(err)
	response, err := http.DefaultClient.Do(request)
	ts.Check(err)
	defer func() { _ = response.Body.Close() }()
	ts.Check(json.NewDecoder(response.Body).Decode(&all))
	return all
}

// genuine wants so many different requests, and each of them signed with all of the secrets.
func genuine(all []posted, want int, secrets []string) error {
	ids := map[string]bool{}
	for _, one := range all {
		for _, secret := range secrets {
			receiver, err := standardwebhooks.NewWebhook(secret)
			if err != nil {
				return err
			}
			if err := receiver.Verify(one.Body, one.Header); err != nil {
				return err
			}
		}
		ids[one.Header.Get("Webhook-Id")] = true
	}
	if len(ids) != want {
		return fmt.Errorf("%d requests, want %d", len(ids), want)
	}
	return nil
}

// keep sets a variable to what the group of an expression matches in the last command's output: keep ID 'endpoint +(\S+)'.
func keepMatch(ts *testscript.TestScript, _ bool, args []string) {
	found := regexp.MustCompile(args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) != 2 {
		ts.Fatalf("%q is not in the output", args[1])
	}
	ts.Setenv(args[0], found[1])
}
