package dashboard

import (
	"encoding/json"
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// plain is the text that a browser shows.
func plain(body jsonBody) string {
	return html.UnescapeString(strings.NewReplacer("<bdi>", "", "</bdi>", "").Replace(string(body.HTML)))
}

func TestJSONBodyIsIndented(t *testing.T) {
	t.Parallel()
	body := newJSONBody(json.RawMessage(`{"a": [1, -2.5e3, true, null], "b":{}, "c":[ ], "d": {"e": "x, {y}: \"z\\"}}`), false)
	require.Equal(t, "{\n  \"a\": [\n    1,\n    -2.5e3,\n    true,\n    null\n  ],\n  \"b\": {},\n  \"c\": [],\n  \"d\": {\n    \"e\": \"x, {y}: \\\"z\\\\\"\n  }\n}", plain(body)) //nolint:testifylint // the blanks are what it is about
	require.False(t, body.Cut)
}

// Whatever is in a body is text, says the same, and can be seen.
func TestJSONBodyIsHarmless(t *testing.T) {
	t.Parallel()
	hostile := "<script>alert(1)</script>&\u202e\u2066\u200b\ufeff\u0085\u007fשלום"
	data, err := json.Marshal(map[string]string{hostile: hostile})
	require.NoError(t, err)
	body := newJSONBody([]byte(strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(data))), false)
	require.NotContains(t, string(body.HTML), "<script")
	require.NotContains(t, string(body.HTML), "\u202e")
	require.Contains(t, string(body.HTML), `\u202E\u2066\u200B\uFEFF\u0085\u007F`)
	require.Contains(t, string(body.HTML), "<bdi>")
	var same map[string]string
	require.NoError(t, json.Unmarshal([]byte(plain(body)), &same))
	require.Equal(t, map[string]string{hostile: hostile}, same)
}

// The worst that the store takes is shown quickly, and in little: half a mebibyte, a thousand levels deep, wide at the bottom, or one string.
func TestJSONBodyIsBounded(t *testing.T) {
	t.Parallel()
	const size, depth = 512 << 10, 1000
	wide := strings.TrimSuffix(strings.Repeat("1,", (size-2*depth)/2), ",")
	for name, data := range map[string]string{
		"deep and wide": strings.Repeat("[", depth) + wide + strings.Repeat("]", depth), "string": `"` + strings.Repeat("é", size/2) + `"`, "wide": "[" + wide + "]",
		"markup": `"` + strings.Repeat("<", size) + `"`,
	} {
		begun, whole := newJSONBody([]byte(data), false), newJSONBody([]byte(data), true)
		require.True(t, begun.Cut, name)
		require.LessOrEqual(t, len(begun.HTML), 5*bodyShown+100, name)
		require.LessOrEqual(t, len(whole.HTML), 5*bodyMost+100, name)
		require.Equal(t, len(data), begun.Bytes, name)
	}
	require.Greater(t, indentation([]byte(strings.Repeat("[", depth)+wide+strings.Repeat("]", depth))), bodyIndented)
	require.Less(t, indentation([]byte(`{"a":[1,2,3]}`)), 100)
}

// What is shown of any document is the same document, as long as it is not cut; and nothing in it is markup but the isolation of strings.
func TestJSONBodySaysTheSame(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.MapOf(rapid.String(), rapid.SliceOf(rapid.OneOf(rapid.String().AsAny(), rapid.Float64().AsAny(), rapid.Bool().AsAny()))).Draw(t, "value")
		data, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		body := newJSONBody(data, true)
		if tags := regexp.MustCompile(`<[^>]*>`).FindAllString(string(body.HTML), -1); strings.Trim(strings.Join(tags, ""), "<bdi>/") != "" {
			t.Fatal(tags)
		}
		if astral := regexp.MustCompile(`\\u\{`).MatchString(plain(body)); astral {
			return // there is no escape of four digits for those; they are shown all the same
		}
		var want, got any
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(plain(body)), &got); err != nil {
			t.Fatalf("%v: %s", err, plain(body))
		}
		if fmt.Sprint(want) != fmt.Sprint(got) {
			t.Fatalf("%v is shown as %v", want, got)
		}
	})
}
