package webhook_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/subscribers/webhook"
)

func secretOf(n int) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, n))
}

func TestSecretIsChecked(t *testing.T) {
	t.Parallel()
	for _, good := range []string{secretOf(24), secretOf(32), secretOf(64)} {
		secret, err := webhook.ParseSecret(good)
		require.NoError(t, err)
		require.Equal(t, good, secret.Reveal())
		require.False(t, secret.IsZero())
	}
	for text, want := range map[string]string{
		"":                                       "does not begin with whsec_",
		"hunter2":                                "does not begin with whsec_",
		"WHSEC_" + secretOf(24)[6:]:              "does not begin with whsec_",
		secretOf(23):                             "has 23 bytes; give 24 to 64",
		secretOf(65):                             "has 65 bytes; give 24 to 64",
		"whsec_":                                 "has 0 bytes",
		strings.TrimRight(secretOf(32), "="):     "is not base64",
		"whsec_" + strings.Repeat("hunter2-", 4): "is not base64",
		secretOf(24) + "\n":                      "is not base64",
		" " + secretOf(24):                       "does not begin with whsec_",
	} {
		secret, err := webhook.ParseSecret(text)
		require.ErrorContains(t, err, want, text)
		require.NotContains(t, err.Error(), "hunter2")
		require.True(t, secret.IsZero())
	}
}

func TestNewSecretsDiffer(t *testing.T) {
	t.Parallel()
	one, another := webhook.NewSecret(), webhook.NewSecret()
	require.NotEqual(t, one.Reveal(), another.Reveal())
	parsed, err := webhook.ParseSecret(one.Reveal())
	require.NoError(t, err)
	require.Equal(t, one, parsed)
}

// Whatever a program does with a secret by accident, it shows four characters of it.
func TestSecretIsNotTold(t *testing.T) {
	t.Parallel()
	secret := webhook.NewSecret()
	text := secret.Reveal()
	masked := "whsec_…" + text[len(text)-4:]
	require.Equal(t, masked, secret.String())
	hidden := struct {
		Open   webhook.Secret
		hidden webhook.Secret
		list   []webhook.Secret
	}{secret, secret, []webhook.Secret{secret}}
	var logged bytes.Buffer
	slog.New(slog.NewTextHandler(&logged, nil)).Info("made", slog.Any("secret", secret), slog.Any("all", hidden))
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("made", slog.Any("secret", secret), slog.Any("all", hidden))
	marshalled, err := json.Marshal(hidden)
	require.NoError(t, err)
	require.JSONEq(t, `{"Open":"`+masked+`"}`, string(marshalled))
	told := []string{fmt.Errorf("sign with %v", secret).Error(), logged.String(), string(marshalled)}
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		told = append(told, fmt.Sprintf(format, secret), fmt.Sprintf(format, hidden))
	}
	for _, told := range told {
		require.NotContains(t, told, text[6:len(text)-4])
	}
	require.Empty(t, webhook.Secret{}.String())
	require.Empty(t, webhook.Secret{}.Reveal())
}
