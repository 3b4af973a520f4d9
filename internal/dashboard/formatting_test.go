package dashboard_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail/internal/dashboard"
	"github.com/contrail-events/contrail/internal/picture"
)

// Figures are written for people; what is not known is never a zero.
func TestFigures(t *testing.T) {
	t.Parallel()
	var none *float64
	some := 0.5
	for want, got := range map[string]string{
		"1,234,567": dashboard.Number(1234567), "-1,000": dashboard.Number(int64(-1000)), "255": dashboard.Number(uint8(255)),
		"unknown": dashboard.Number(none), "0.5": dashboard.Number(&some), "1": dashboard.Number(1.0004), "12.3": dashboard.Number(12.345), "1,235": dashboard.Number(1234.6), "0": dashboard.Number(0),
		"10000+": dashboard.Number(picture.Count{N: 10000, AtLeast: true}),
		"0 s":    dashboard.Seconds(0.0), "350 µs": dashboard.Seconds(0.00035), "350 ms": dashboard.Seconds(0.35), "1.2 s": dashboard.Seconds(1200 * time.Millisecond),
		"4 min 5 s": dashboard.Seconds(245.3), "3 h 20 min": dashboard.Seconds(12000), "2 d 4 h": dashboard.Seconds(52 * time.Hour), "1 h": dashboard.Seconds(3600.0),
		"512 B": dashboard.BytesOf(512), "1.5 MiB": dashboard.BytesOf(uint64(3 << 19)), "12.5 %": dashboard.Percent(0.125),
	} {
		require.Equal(t, want, got)
	}
	require.Equal(t, "unknown", dashboard.Seconds(none))
}

// Each value is one segment of an address.
func TestAt(t *testing.T) {
	t.Parallel()
	address, err := dashboard.At("/a/{x}/{y}/b", "1/2", "ü ?")
	require.NoError(t, err)
	require.Equal(t, "/a/1%2F2/%C3%BC%20%3F/b", address)
	_, err = dashboard.At("/a/{x}")
	require.Error(t, err)
	_, err = dashboard.At("/a/{x}", 1, 2)
	require.Error(t, err)
}

// JSON is laid out without being changed, however it is nested, and shows what can't be seen.
func TestPrettyJSON(t *testing.T) {
	t.Parallel()
	text := string(dashboard.PrettyJSON(json.RawMessage(`{"a":[1,{"b":"x, \"y\": {"}],"c":{},"d":[ ],"e":null}`)))
	require.Contains(t, text, "{\n  &#34;a&#34;: [\n    1,\n    {\n      &#34;b&#34;: &#34;x, \\&#34;y\\&#34;: {&#34;\n    }\n  ],\n  &#34;c&#34;: {},\n  &#34;d&#34;: [],\n  &#34;e&#34;: null\n}</pre>")
	deep := strings.Repeat("[", 1000) + strings.Repeat("]", 1000)
	require.Less(t, len(dashboard.PrettyJSON(deep)), 200_000)
	long := `"` + strings.Repeat("x", 512<<10) + `"`
	require.Contains(t, string(dashboard.PrettyJSON(long)), strings.Repeat("x", 512<<10))
	require.Contains(t, string(dashboard.PrettyJSON("<no json>")), "&lt;no json&gt;")
	require.Equal(t, "<bdi>&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; <span class=\"control\">U+202E</span>evil<span class=\"control\">U+202C</span> שלום <span class=\"control\">U+0007</span>"+
		"<span class=\"control\">U+200B</span> &lt;img src=x onerror=alert(1)&gt;</bdi>", string(dashboard.PlainText(hostileText)))
}
