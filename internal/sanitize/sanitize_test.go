package sanitize_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/sanitize"
)

func ExampleText() {
	fmt.Println(sanitize.Text("401\r\n{\"error\":\"no\",\"api_key\":\"k-1234\"}", 0))
	// Output:
	// 401 {"error":"no","api_key":"[masked]"}
}

func TestSecretsAreMasked(t *testing.T) {
	t.Parallel()
	for given, expected := range map[string]string{
		`{"password":"hunter2","n":1}`:                     `{"password":"[masked]","n":1}`,
		`{"password" : "a\"b","n":1}`:                      `{"password" : "[masked]","n":1}`,
		`{\"password\":\"hunter2\",\"n\":1}`:               `{\"password\":\"[masked]\",\"n\":1}`,
		`{"client_secret":{"a":["b"]},"n":1}`:              `{"client_secret":[masked],"n":1}`,
		`{"tokens":["a","b"],"n":1}`:                       `{"tokens":[masked],"n":1}`,
		`user=ada&password=hunter2&x=1`:                    `user=ada&password=[masked]&x=1`,
		`access_token=abc; then`:                           `access_token=[masked]; then`,
		"Authorization: Bearer abc.def-ghi\r\nHost: x":     `Authorization: [masked] Host: x`,
		"set-cookie: sid=1; Path=/\nok":                    `set-cookie: [masked] ok`,
		`sent "X-Api-Key: 12 34" along`:                    `sent "X-Api-Key: [masked] 34" along`,
		`the api key: 1234 is wrong`:                       `the api key: [masked] is wrong`,
		`dial https://ada:hunter2@example.org/x: refused`:  `dial https://[masked]@example.org/x: refused`,
		`<password>hunter2</password>`:                     `<password>[masked]</password>`,
		`got Bearer abcdef123456, refused`:                 `got Bearer [masked], refused`,
		`password%3Dhunter2&y`:                             `password%3D[masked]&y`,
		`whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw is no key`: `[masked] is no key`,
		"password\t=\u00a0hunter2":                         `password = [masked]`,
		"pass\u200bword\u2060=hunter2":                     `password=[masked]`,
		"password:\r\n  hunter2":                           `password: [masked]`,
		"cookie:\r\nhost: x":                               `cookie: host: x`,
		`{"tokens":["a]\"b","c"],"n":1}`:                   `{"tokens":[masked],"n":1}`,
		`PASSWORD=hunter2`:                                 `PASSWORD=[masked]`,
		`password`:                                         `password`,
		`the password is wrong`:                            `the password is wrong`,
		`basic idea`:                                       `basic idea`,
		`password=`:                                        `password=`,
		`550 5.1.1 <ada@example.org>: unknown`:             `550 5.1.1 <ada@example.org>: unknown`,
	} {
		require.Equal(t, expected, sanitize.Text(given, 0), given)
	}
}

func TestTextIsHarmless(t *testing.T) {
	t.Parallel()
	require.Equal(t, "a b c", sanitize.Text("\x00a\r\n\tb\x1b\x7f c\u2028", 0))
	require.Equal(t, "exe.txt", sanitize.Text("\u202eexe\u200b.txt", 0), "nothing that turns text around")
	require.Equal(t, "�a", sanitize.Text("\xff\xfea", 0))
	require.Empty(t, sanitize.Text("", 0))
	long := sanitize.Text(strings.Repeat("ä", 5000), 0)
	require.LessOrEqual(t, len(long), sanitize.Limit)
	require.True(t, strings.HasSuffix(long, "ä…"), long)
	require.Equal(t, "…", sanitize.Cut("abcdef", 3))
	require.Empty(t, sanitize.Cut("abcdef", 2))
	require.Equal(t, "abc", sanitize.Cut("abc", 3))
}

func FuzzText(f *testing.F) {
	for _, seed := range []string{`{"password":"x"}`, "token=\xff", `api key:\"`, "://@", "bearer ", "password=>{[", "secret>"} {
		f.Add(seed, 64)
	}
	f.Fuzz(func(t *testing.T, s string, limit int) {
		text := sanitize.Text(s, limit)
		if limit <= 0 {
			limit = sanitize.Limit
		}
		require.LessOrEqual(t, len(text), limit)
		require.True(t, utf8.ValidString(text))
		require.False(t, strings.ContainsFunc(text, unicode.IsControl))
	})
}
