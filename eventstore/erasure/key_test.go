package erasure_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/eventstore/erasure"
)

const name = `{"name":"Ada Lovelace"}`

func TestKeyringOpensWhatItsKeysSealed(t *testing.T) {
	t.Parallel()
	ring := keyring(t, "2026-11")
	key, wrapped := newKey(t, ring)
	sealed := contact(key, "42", name)
	require.NotContains(t, string(sealed.Data), "Ada")

	opened, err := ring.Open(sealed, &wrapped)
	require.NoError(t, err)
	want := sealed
	want.Data, want.Sealed = json.RawMessage(name), false
	require.Equal(t, want, opened)
	again, err := ring.Open(opened, &wrapped)
	require.NoError(t, err)
	require.Equal(t, opened, again, "what is open stays so")

	erased, err := ring.Open(sealed, nil)
	require.NoError(t, err)
	want.Data, want.Erased = json.RawMessage("null"), true
	require.Equal(t, want, erased)

	plain := contrail.Recorded{Data: json.RawMessage(name), Metadata: contrail.Metadata{}}
	opened, err = ring.Open(plain, nil)
	require.NoError(t, err)
	require.Equal(t, plain, opened)
}

// requireCorrupt wants the error to name the event, and to be one that no retry cures.
func requireCorrupt(tb testing.TB, err error, event contrail.Recorded, reason string) {
	tb.Helper()
	var corrupt *erasure.CorruptError
	require.ErrorAs(tb, err, &corrupt)
	require.Equal(tb, event.ID, corrupt.Event)
	require.Equal(tb, event.Stream, corrupt.Stream)
	require.True(tb, contrail.IsPermanent(err))
	require.ErrorContains(tb, err, reason)
	require.ErrorContains(tb, err, event.ID.String())
}

func TestTamperedMembersAreNoticed(t *testing.T) {
	t.Parallel()
	ring := keyring(t, "2026-11")
	key, wrapped := newKey(t, ring)
	other, _ := newKey(t, ring)
	event, elsewhere := contact(key, "42", name), contact(key, "43", name)
	another := contact(other, "42", name)
	var members, moved, others map[string]string
	require.NoError(t, json.Unmarshal(event.Data, &members))
	require.NoError(t, json.Unmarshal(elsewhere.Data, &moved))
	require.NoError(t, json.Unmarshal(another.Data, &others))
	require.Len(t, members, 5)
	header := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	for _, test := range []struct{ member, value, reason string }{
		{"protected", "", "header"},
		{"protected", "!", "not base64url"},
		{"protected", header("1"), "no JSON object"},
		{"protected", header(`{"alg":"none","enc":"A256GCM","kid":"` + key.ID() + `"}`), `"none"`},
		{"protected", header(`{"alg":"dir","enc":"A128GCM","kid":"` + key.ID() + `"}`), `"A128GCM"`},
		{"protected", header(`{"alg":"dir","enc":"A256GCM","kid":"` + key.ID() + `","zip":"DEF"}`), "extension"},
		{"protected", header(`{"alg":"dir","enc":"A256GCM","kid":"` + key.ID() + `","crit":["x"]}`), "extension"},
		{"protected", header(`{"alg":"dir","enc":"A256GCM", "kid":"` + key.ID() + `"}`), "altered"}, // it says the same
		{"protected", others["protected"], "another key"},
		{"aad", moved["aad"], "another event"},
		{"aad", members["aad"] + "!", "its aad is not base64url"},
		{"iv", moved["iv"], "altered"},
		{"iv", "AAAA", "iv has 3 bytes"},
		{"iv", "=", "not base64url"},
		{"ciphertext", moved["ciphertext"], "altered"},
		{"ciphertext", "", "altered"},
		{"ciphertext", members["ciphertext"][4:], "altered"},
		{"tag", moved["tag"], "altered"},
		{"tag", members["tag"][:20], "tag has 15 bytes"},
		{"tag", "", "tag has 0 bytes"},
	} {
		altered := maps.Clone(members)
		altered[test.member] = test.value
		tampered := event
		var err error
		tampered.Data, err = json.Marshal(altered)
		require.NoError(t, err)
		_, err = ring.Open(tampered, &wrapped)
		requireCorrupt(t, err, event, test.reason)

		delete(altered, test.member)
		tampered.Data, err = json.Marshal(altered)
		require.NoError(t, err)
		_, err = ring.Open(tampered, &wrapped)
		requireCorrupt(t, err, event, "")
	}
}

// Every single bit counts, those that base64 has to spare included: there is one spelling of what was sealed.
func TestFlippedBitsAreNoticed(t *testing.T) {
	t.Parallel()
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	ring := keyring(t, "2026-11")
	key, wrapped := newKey(t, ring)
	event := contact(key, "42", name)
	for member := range strings.SplitSeq("aad iv ciphertext tag protected", " ") {
		var members map[string]string
		require.NoError(t, json.Unmarshal(event.Data, &members))
		text := members[member]
		for bit := range 6 * len(text) {
			at := bit / 6
			flipped := alphabet[strings.IndexByte(alphabet, text[at])^1<<(bit%6)]
			members[member] = text[:at] + string(flipped) + text[at+1:]
			tampered := event
			var err error
			tampered.Data, err = json.Marshal(members)
			require.NoError(t, err)
			_, err = ring.Open(tampered, &wrapped)
			requireCorrupt(t, err, event, "")
		}
	}
}

// The data of one event can't be passed off as that of another, even of the same person.
func TestSealedDataBelongsToItsEvent(t *testing.T) {
	t.Parallel()
	ring := keyring(t, "2026-11")
	key, wrapped := newKey(t, ring)
	event := contact(key, "42", name)
	require.NoError(t, erasure.Check(event))
	for _, change := range []func(*contrail.Recorded){
		func(e *contrail.Recorded) { e.ID = uuid.New() },
		func(e *contrail.Recorded) { e.Stream = contrail.NewStreamID("contact", "43") },
		func(e *contrail.Recorded) { e.Type = "ContactArchived" },
	} {
		moved := event
		change(&moved)
		_, err := ring.Open(moved, &wrapped)
		requireCorrupt(t, err, moved, "it was encrypted as the data of another event")
		require.ErrorContains(t, erasure.Check(moved), "it was encrypted as the data of another event")
	}
	for _, data := range []string{``, `null`, `1`, `"x"`, `[]`, `{}`, `{"aad":1}`, name, `{"protected":`} {
		broken := event
		broken.Data = json.RawMessage(data)
		_, err := ring.Open(broken, &wrapped)
		requireCorrupt(t, err, broken, "not a JWE")
		require.ErrorContains(t, erasure.Check(broken), "not a JWE")
	}
}

// jsonb reorders the members of an object and puts blanks between them.
func TestOpenReadsWhatJSONBMakesOfIt(t *testing.T) {
	t.Parallel()
	ring := keyring(t, "2026-11")
	key, wrapped := newKey(t, ring)
	event := contact(key, "42", name)
	var members map[string]any
	require.NoError(t, json.Unmarshal(event.Data, &members))
	members["unknown"] = map[string]any{"to": "us"} // RFC 7516, 7.2.1: must be ignored
	var err error
	event.Data, err = json.MarshalIndent(members, " ", "  ")
	require.NoError(t, err)
	opened, err := ring.Open(event, &wrapped)
	require.NoError(t, err)
	require.JSONEq(t, name, string(opened.Data))
}

// The same again gives the same bytes; anything else does not share a nonce with it.
func TestSealIsDeterministicAndItsNoncesUnique(t *testing.T) {
	t.Parallel()
	ring := keyring(t, "2026-11")
	one, wrapped := newKey(t, ring)
	two, _ := newKey(t, ring)
	same, err := ring.Unwrap(one.ID(), wrapped)
	require.NoError(t, err)
	type input struct {
		key, id, stream, kind, data string
	}
	ids := []uuid.UUID{uuid.New(), uuid.New()}
	nonces := map[string]input{} // over all runs of the property
	rapid.Check(t, func(r *rapid.T) {
		in := input{
			key:    rapid.SampledFrom([]string{"one", "two"}).Draw(r, "key"),
			id:     rapid.SampledFrom([]string{ids[0].String(), ids[1].String()}).Draw(r, "id"),
			stream: rapid.StringMatching(`[a-c]{1,2}`).Draw(r, "stream"),
			kind:   rapid.StringMatching(`[A-C]{1,2}`).Draw(r, "type"),
			data:   rapid.StringMatching(`[0-9]{1,3}`).Draw(r, "data"),
		}
		seal := func(key erasure.Key) string {
			return string(key.Seal(uuid.MustParse(in.id), contrail.NewStreamID("s", in.stream), in.kind, json.RawMessage(in.data)))
		}
		key, again := one, same
		if in.key == "two" {
			key, again = two, two
		}
		sealed := seal(key)
		if sealed != seal(again) {
			r.Fatal("the same call gave other bytes")
		}
		var members struct{ IV string }
		if err := json.Unmarshal([]byte(sealed), &members); err != nil {
			r.Fatal(err)
		}
		if before, used := nonces[members.IV]; used && before != in {
			r.Fatalf("%v and %v share a nonce", before, in)
		}
		nonces[members.IV] = in
	})
	require.Greater(t, len(nonces), 10)
}

// The order of the members is a part of the format.
func TestSealedForm(t *testing.T) {
	t.Parallel()
	key, _ := newKey(t, keyring(t, "2026-11"))
	event := contact(key, "42", name)
	require.Regexp(t, `^\{"protected":"[\w-]+","aad":"[\w-]+","iv":"[\w-]{16}","ciphertext":"[\w-]{31}","tag":"[\w-]{22}"\}$`, string(event.Data))
	var members struct{ Protected, AAD string }
	require.NoError(t, json.Unmarshal(event.Data, &members))
	header, err := base64.RawURLEncoding.DecodeString(members.Protected)
	require.NoError(t, err)
	require.Equal(t, `{"alg":"dir","enc":"A256GCM","kid":"`+key.ID()+`"}`, string(header))
	place, err := base64.RawURLEncoding.DecodeString(members.AAD)
	require.NoError(t, err)
	require.Equal(t, event.ID.String()+" contact-42 ContactRenamed", string(place))
}
