package dashboard_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/webhook"
)

// endpoint registers one, and returns its address.
func (w *world) endpoint(url, tenant string) (id uuid.UUID, address string) {
	w.Helper()
	added, _, err := webhook.Add(w.Context(), w.pool, webhook.Endpoint{Consumer: hooksName, URL: url, Private: true, Tenant: tenant}, webhook.Secret{})
	require.NoError(w, err)
	return added.ID, "/webhooks/" + added.ID.String()
}

func TestWebhooksAreListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.hooks()
	w.endpoint("https://example.com/tenant", "t-7")
	type list struct {
		Items        []struct{ URL string } `json:"items"`
		Newer, Older string
	}
	paths := func(query string) (paths []string, page list) {
		w.json("/webhooks?"+query, &page)
		for _, item := range page.Items {
			paths = append(paths, item.URL[len("https://example.com/"):])
		}
		return paths, page
	}
	for query, want := range map[string][]string{
		"": {"enabled", "disabled", "failing", "tenant"}, "state=disabled": {"disabled"}, "tenant=t-7": {"tenant"}, "consumer=other": nil, "consumer=webhooks&limit=1": {"enabled"},
	} {
		got, _ := paths(query)
		require.Equal(t, want, got, query)
	}
	down, page := paths("limit=1")
	for page.Older != "" {
		var more []string
		key := page.Older
		page = list{}
		w.json("/webhooks?limit=1&before="+key, &page)
		for _, item := range page.Items {
			more = append(more, item.URL[len("https://example.com/"):])
		}
		down = append(down, more...)
	}
	require.Equal(t, []string{"enabled", "disabled", "failing", "tenant"}, down)
	require.NotEmpty(t, page.Newer)
	previous, _ := paths("limit=1&after=" + page.Newer)
	require.Equal(t, []string{"failing"}, previous)
	require.Equal(t, http.StatusBadRequest, w.get("/webhooks?state=x").StatusCode)
}

func TestWebhooksAreDecidedAbout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	status := http.StatusOK
	receiver := httptest.NewServer(http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
		answer.WriteHeader(status)
		_, _ = answer.Write([]byte("hello " + hostileText))
	}))
	t.Cleanup(receiver.Close)
	id, address := w.endpoint(receiver.URL, "")
	told := w.act(address+"/test", "allow_private", "yes")
	require.Equal(t, "done", told.Outcome, told)
	require.Contains(t, told.Results[0].Detail, "it has taken the test event")
	told = w.act(address + "/test")
	require.Equal(t, "failed", told.Outcome, "a private network is out of bounds unless that is allowed")
	status = http.StatusTeapot
	told = w.act(address+"/test", "allow_private", "yes")
	require.Equal(t, "failed", told.Outcome)
	require.Contains(t, told.Results[0].Detail, "418")

	require.Contains(t, w.act(address+"/disable").Error, "no reason is given")
	require.Equal(t, "done", w.act(address+"/disable", "reason", "they move").Outcome)
	require.Equal(t, "disabled they move", value[string](w, `SELECT state || ' ' || reason FROM contrail.webhooks WHERE id = $1`, id))
	require.Contains(t, w.page(address), "It gets no events")
	require.Equal(t, "done", w.act(address+"/enable").Outcome)
	require.Equal(t, "enabled", value[string](w, `SELECT state FROM contrail.webhooks WHERE id = $1`, id))
	for _, verb := range []string{"test", "enable", "disable", "rotate"} {
		missing := w.act("/webhooks/"+uuid.NewString()+"/"+verb, "reason", "x", "keep", "x")
		require.Equal(t, "failed", missing.Outcome, verb)
	}
	require.Equal(t, http.StatusNotFound, w.get("/webhooks/"+uuid.NewString()).StatusCode)
	require.Equal(t, http.StatusNotFound, w.get("/webhooks/x").StatusCode)
}

// The new secret is in the answer to that one form, and nowhere else.
func TestNewSecretIsToldOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id, address := w.endpoint("https://example.com/hooks", "")
	former := value[string](w, `SELECT secret FROM contrail.webhooks WHERE id = $1`, id)
	got := w.post(address+"/rotate", "keep", "7d", "reason", "every year")
	require.Equal(t, http.StatusOK, got.StatusCode)
	secret := value[string](w, `SELECT secret FROM contrail.webhooks WHERE id = $1`, id)
	require.NotEqual(t, former, secret)
	require.Contains(t, got.body, regexp.MustCompile(`[+]`).ReplaceAllString(secret, "&#43;"))
	require.Contains(t, got.Header.Get("Cache-Control"), "no-store")
	require.True(t, value[bool](w, `SELECT former_until > now() + interval '6 days' FROM contrail.webhooks WHERE id = $1`, id))
	for _, path := range []string{address, "/webhooks", "/audit", fmt.Sprintf("/audit/%d", value[int](w, `SELECT max(id) FROM contrail.audit`))} {
		require.NotContains(t, w.page(path), secret[:12]+secret[12:20], path)
		require.NotContains(t, w.get(path, accepting("application/json")).body, secret)
		require.NotContains(t, w.page(path), former)
	}
	require.NotContains(t, value[string](w, `SELECT string_agg(a::text, '') FROM contrail.audit a`), secret[6:])
	require.NotContains(t, w.logged.String(), secret[6:])
	refused := w.act(address+"/rotate", "keep", "24h")
	require.Equal(t, "failed", refused.Outcome, "a program would lose it")
	require.Equal(t, secret, value[string](w, `SELECT secret FROM contrail.webhooks WHERE id = $1`, id))
	require.Contains(t, w.act(address+"/rotate", "keep", "31d").Error, "up to 30d")
	require.Equal(t, http.StatusOK, w.post(address+"/rotate", "keep", "0s").StatusCode)
	require.True(t, value[bool](w, `SELECT former_until IS NULL FROM contrail.webhooks WHERE id = $1`, id))
}
