package webhook_test

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/webhook"
)

// verifier is a receiver's, and not ours.
func verifier(tb testing.TB, secret webhook.Secret) *standardwebhooks.Webhook {
	tb.Helper()
	receiver, err := standardwebhooks.NewWebhook(secret.Reveal())
	require.NoError(tb, err)
	return receiver
}

func signed(id string, at time.Time, body string, secrets ...webhook.Secret) http.Header {
	return http.Header{
		"Webhook-Id": {id}, "Webhook-Timestamp": {strconv.FormatInt(at.Unix(), 10)},
		"Webhook-Signature": {webhook.Signatures(secrets, id, at, []byte(body))},
	}
}

// The example of https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md and its libraries' tests.
func TestSignatureIsTheStandards(t *testing.T) {
	t.Parallel()
	secret, err := webhook.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	require.NoError(t, err)
	require.Equal(t, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
		webhook.Signatures([]webhook.Secret{secret}, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`)))
}

func TestTamperedRequestsAreRefused(t *testing.T) {
	t.Parallel()
	secret, now := webhook.NewSecret(), time.Now()
	receiver := verifier(t, secret)
	require.NoError(t, receiver.Verify([]byte("{}"), signed("a", now, "{}", secret)))
	change := func(name, value string) http.Header {
		header := signed("a", now, "{}", secret)
		header.Set(name, value)
		return header
	}
	for what, header := range map[string]http.Header{
		"id":        change("Webhook-Id", "b"),
		"timestamp": change("Webhook-Timestamp", strconv.FormatInt(now.Add(time.Second).Unix(), 10)),
		"signature": change("Webhook-Signature", "v1,"+base64.StdEncoding.EncodeToString(make([]byte, 32))),
		"body":      signed("a", now, "[]", secret),
		"unsigned":  signed("a", now, "{}"),
		"no secret": signed("a", now, "{}", webhook.Secret{}),
		"stranger":  signed("a", now, "{}", webhook.NewSecret()),
		"too old":   signed("a", now.Add(-time.Hour), "{}", secret),
		"too new":   signed("a", now.Add(time.Hour), "{}", secret),
	} {
		require.Error(t, receiver.Verify([]byte("{}"), header), what)
	}
}

// While a secret is rotated, receivers with either of the two are content.
func TestBothSecretsSignDuringRotation(t *testing.T) {
	t.Parallel()
	former, latest := webhook.NewSecret(), webhook.NewSecret()
	header := signed("a", time.Now(), "{}", latest, former)
	require.NoError(t, verifier(t, former).Verify([]byte("{}"), header))
	require.NoError(t, verifier(t, latest).Verify([]byte("{}"), header))
	require.Error(t, verifier(t, webhook.NewSecret()).Verify([]byte("{}"), header))
	require.Error(t, verifier(t, former).Verify([]byte("[]"), header))
	require.Equal(t, 1, strings.Count(header.Get("Webhook-Signature"), " "))
}

// Whatever is signed, another implementation verifies; and not anything else.
func FuzzSignature(f *testing.F) {
	f.Add("msg_1", int64(1614265330), []byte(`{"test": 2432232314}`), make([]byte, 24))
	f.Add("0194.", int64(0), []byte("."), []byte("0123456789012345678901234567890123456789"))
	f.Fuzz(func(t *testing.T, id string, at int64, body, key []byte) {
		secret, err := webhook.ParseSecret("whsec_" + base64.StdEncoding.EncodeToString(key))
		if err != nil || id == "" {
			return
		}
		header := signed(id, time.Unix(at, 0), string(body), secret)
		receiver := verifier(t, secret)
		require.NoError(t, receiver.VerifyIgnoringTimestamp(body, header))
		require.Error(t, receiver.VerifyIgnoringTimestamp(append(body, '.'), header))
	})
}
