package codectest_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
	"github.com/contrail-events/contrail/codec/codectest"
)

type placed struct {
	ID    string  `json:"id"`
	Cents int     `json:"cents"`
	Rate  float64 `json:"rate,omitempty"`
	Shop  string  `json:"-"`
}

func (placed) EventType() string                  { return "OrderPlaced" }
func (p placed) EventMetadata() contrail.Metadata { return contrail.Metadata{"shop": p.Shop} }

func (p placed) WithEventMetadata(metadata contrail.Metadata) (placed, error) {
	p.Shop = metadata["shop"]
	if p.Shop == "" {
		return p, errors.New("no shop")
	}
	return p, nil
}

type shipped struct {
	By string `json:"by"`
}

func (shipped) EventType() string { return "OrderShipped" }

func orders() *codec.Codec {
	return codec.MustNew(
		codec.Type[placed](codec.Schema(2)), codec.Upcast("OrderPlaced", 1, codec.Fill("cents", 5)),
		codec.Type[shipped](), codec.Upcast("OrderSent", 1, codec.Rename("OrderShipped", 1)),
	)
}

// recorder is a test that keeps what it is told.
type recorder struct {
	testing.TB

	errors []string
	logs   []string
}

func (*recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func (r *recorder) Logf(format string, args ...any) {
	r.logs = append(r.logs, fmt.Sprintf(format, args...))
}

func golden(t *testing.T, c *codec.Codec, dir string) []string {
	t.Helper()
	r := &recorder{TB: t}
	codectest.Golden(r, c, dir)
	return r.errors
}

// folder has a file for everything that orders reads.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"OrderPlaced.v1.json":          `{"id":"1"}`,
		"OrderPlaced.v1.metadata.json": `{"shop":"a","schema_version":"9"}`,
		"OrderPlaced.v1.upcast.json":   `[{"type":"OrderPlaced","metadata":{"shop":"a"},"data":{"id":"1","cents":5}}]`,
		"OrderPlaced.v2.json":          "{\"cents\": 5, \"rate\": 2.50, \"id\": \"\\u0031\"}\n",
		"OrderPlaced.v2.metadata.json": `{"shop":"a","user_id":"alice"}`,
		"OrderShipped.v1.json":         `{"by":"sea"}`,
		"OrderSent.v1.json":            `{"by":"air"}`,
		"OrderSent.v1.upcast.json":     `[{"type":"OrderShipped","data":{"by":"air"}}]`,
		"README.md":                    "not looked at",
	} {
		write(t, dir, name, text)
	}
	return dir
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
}

func TestGoldenIsContent(t *testing.T) {
	t.Parallel()
	require.Empty(t, golden(t, orders(), folder(t)))
}

func TestGoldenFindsFaults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ file, text, want string }{
		"no example of today's form":  {"OrderShipped.v1.json", "", "OrderShipped.v1.json is missing: give codectest.Write an example of it"},
		"no example of a former form": {"OrderSent.v1.json", "", "OrderSent.v1.json is missing: take one from a store"},
		"no outcome":                  {"OrderSent.v1.upcast.json", "", "OrderSent.v1.upcast.json is missing: codectest.Write makes it"},
		"no JSON":                     {"OrderShipped.v1.json", "{", "OrderShipped.v1.json: decode golden-1 version 1, OrderShipped schema 1: unexpected end"},
		"two values":                  {"OrderShipped.v1.json", "{}{}", "invalid character"},
		"other data":                  {"OrderShipped.v1.json", `{"by":1}`, "cannot unmarshal number"},
		"a field that is lost":        {"OrderShipped.v1.json", `{"by":"sea","on":"Monday"}`, "OrderShipped.v1.json is encoded again as other data:\n{\"by\":\"sea\"}\nwas: "},
		"a field that is new":         {"OrderShipped.v1.json", `{}`, "the type has changed: raise its codec.Schema and add an upcaster"},
		"another number":              {"OrderPlaced.v2.json", `{"id":"1","cents":5,"rate":2.5000000001,"x":0}`, "encoded again as other data"},
		"metadata that are lacking":   {"OrderPlaced.v2.metadata.json", "", "OrderPlaced.v2.json: decode golden-1 version 1, OrderPlaced schema 2: no shop"},
		"metadata of another kind":    {"OrderPlaced.v2.metadata.json", "[]", "OrderPlaced.v2.metadata.json: json: cannot unmarshal array"},
		"another outcome": {
			"OrderPlaced.v1.upcast.json", `[{"type":"OrderPlaced","metadata":{"shop":"a"},"data":{"id":"1","cents":6}}]`,
			"OrderPlaced.v1.upcast.json says otherwise than what is made of OrderPlaced.v1.json today",
		},
		"an outcome that is no JSON":        {"OrderPlaced.v1.upcast.json", `[`, "OrderPlaced.v1.upcast.json says otherwise"},
		"a form that is not known":          {"OrderPlaced.v3.json", `{}`, "OrderPlaced.v3.json belongs to no form that is read: what was shipped once must stay readable"},
		"a type that is not known":          {"OrderLost.v1.json", `{}`, "OrderLost.v1.json belongs to no form that is read"},
		"an outcome of what is today's":     {"OrderPlaced.v2.upcast.json", `[]`, "OrderPlaced.v2.upcast.json belongs to no form"},
		"a number of which digits are lost": {"OrderPlaced.v2.json", `{"id":"1","cents":9007199254740993,"rate":9007199254740993}`, "encoded again as other data"},
	} {
		dir := folder(t)
		write(t, dir, test.file, test.text)
		if test.text == "" {
			require.NoError(t, os.Remove(filepath.Join(dir, test.file)))
		}
		faults := golden(t, orders(), dir)
		require.Len(t, faults, 1, "%s: %s", name, strings.Join(faults, "\n"))
		require.Contains(t, faults[0], test.want, name)
		require.Contains(t, faults[0], dir, name)
	}
}

// A payload that carries what its example lacks would not be read back as it was.
func TestGoldenComparesMetadata(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "Signed.v1.json", `{}`)
	c := codec.MustNew(codec.Type[signed]())
	faults := golden(t, c, dir)
	require.Len(t, faults, 1)
	require.Contains(t, faults[0], `Signed.v1.json: the payload has the metadata by="nobody", but the example has "": put it into Signed.v1.metadata.json`)
	write(t, dir, "Signed.v1.metadata.json", `{"by":"somebody"}`)
	require.Len(t, golden(t, c, dir), 1)
	write(t, dir, "Signed.v1.metadata.json", `{"by":"nobody"}`)
	require.Empty(t, golden(t, c, dir))
}

type signed struct{}

func (signed) EventType() string                { return "Signed" }
func (signed) EventMetadata() contrail.Metadata { return contrail.Metadata{"by": "nobody"} }

func TestGoldenNamesEveryFileOfAnEmptyFolder(t *testing.T) {
	t.Parallel()
	require.Len(t, golden(t, orders(), filepath.Join(t.TempDir(), "none")), 4)
}

func TestWriteMakesWhatIsMissing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "new", "orders")
	r := &recorder{TB: t}
	codectest.Write(r, orders(), dir, placed{ID: "1", Cents: 5, Shop: "a"}, shipped{By: "sea"})
	require.Empty(t, r.errors)
	require.Len(t, r.logs, 3)
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		return string(text)
	}
	require.JSONEq(t, `{"id":"1","cents":5}`, read("OrderPlaced.v2.json"))
	require.JSONEq(t, `{"shop":"a"}`, read("OrderPlaced.v2.metadata.json"))
	require.JSONEq(t, `{"by":"sea"}`, read("OrderShipped.v1.json"))
	require.Len(t, golden(t, orders(), dir), 2) // only a store has examples of what is not written any more

	write(t, dir, "OrderPlaced.v1.json", `{"id":"1"}`)
	write(t, dir, "OrderPlaced.v1.metadata.json", `{"shop":"b"}`)
	write(t, dir, "OrderSent.v1.json", `{"by":"air"}`)
	codectest.Write(r, orders(), dir)
	require.Empty(t, r.errors)
	require.Empty(t, golden(t, orders(), dir))
	require.JSONEq(t, `[{"type":"OrderPlaced","metadata":{"shop":"b"},"data":{"id":"1","cents":5}}]`, read("OrderPlaced.v1.upcast.json"))
}

func TestWriteLeavesWhatIsThere(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	before, err := os.ReadDir(dir)
	require.NoError(t, err)
	write(t, dir, "OrderShipped.v1.json", `{"by":"camel"}`)
	write(t, dir, "OrderSent.v1.upcast.json", `[]`)
	r := &recorder{TB: t}
	codectest.Write(r, orders(), dir, placed{ID: "2"}, shipped{By: "sea"})
	require.Empty(t, r.errors)
	require.Empty(t, r.logs)
	after, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, after, len(before))
	for name, want := range map[string]string{"OrderShipped.v1.json": `{"by":"camel"}`, "OrderSent.v1.upcast.json": `[]`} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, want, string(text))
	}
}

func TestWriteReportsWhatItCannotDo(t *testing.T) {
	t.Parallel()
	r := &recorder{TB: t}
	dir := folder(t)
	write(t, dir, "OrderSent.v1.json", `[]`)
	require.NoError(t, os.Remove(filepath.Join(dir, "OrderSent.v1.upcast.json")))
	codectest.Write(r, orders(), dir, signed{})
	require.Len(t, r.errors, 2)
	require.Contains(t, r.errors[0], `example 1: encode codectest_test.signed: it is not registered as event type "Signed"`)
	require.Contains(t, r.errors[1], "OrderSent.v1.json: decode golden-1 version 1")

	write(t, dir, "file", "")
	codectest.Write(r, orders(), filepath.Join(dir, "file"))
	require.Contains(t, r.errors[2], "not a directory")
}
