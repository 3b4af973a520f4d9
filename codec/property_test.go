package codec_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/codec"
)

type counted map[string]int

func (counted) EventType() string { return "Counted" }

// upgrade is one step of a chain: as the codec is told it, and as a function on plain maps.
type upgrade struct {
	step  codec.Step
	model func(counted)
}

func genUpgrade(t *rapid.T, generation int) upgrade {
	field := rapid.SampledFrom([]string{"a", "b", "c"})
	number := rapid.IntRange(-9, 9)
	key, value := field.Draw(t, "field"), number.Draw(t, "number")
	switch rapid.IntRange(0, 3).Draw(t, "kind") {
	case 0:
		return upgrade{codec.Fill(key, value), func(data counted) {
			if _, found := data[key]; !found {
				data[key] = value
			}
		}}
	case 1:
		return upgrade{codec.FillFrom(key, func(e contrail.Recorded) (any, error) { return e.Version, nil }), func(data counted) {
			if _, found := data[key]; !found {
				data[key] = 3
			}
		}}
	case 2: // to a field of a generation's own, which nothing else has
		to := fmt.Sprintf("%s%d", key, generation)
		return upgrade{codec.RenameField(key, to), func(data counted) {
			if old, found := data[key]; found {
				delete(data, key)
				data[to] = old
			}
		}}
	}
	add := func(data counted) { data[key] = data[key]*2 + value }
	return upgrade{codec.Convert(func(old map[string]int) (map[string]int, error) { add(old); return old, nil }), add}
}

// chain is a line of forms, each of which is upcast into the next: names change in between, and schemas rise with them or begin anew.
type chain struct {
	registrations []codec.Registration
	forms         []codec.Form
	models        [][]func(counted)
}

func genChain(t *rapid.T) chain {
	length := rapid.IntRange(0, 12).Draw(t, "length")
	var c chain
	names := 0
	form := codec.Form{Type: "Name0", Schema: 1}
	for i := range length {
		var steps []codec.Step
		var models []func(counted)
		for range rapid.IntRange(0, 3).Draw(t, "steps") {
			drawn := genUpgrade(t, 10*i+len(steps))
			steps, models = append(steps, drawn.step), append(models, drawn.model)
		}
		next := codec.Form{Type: form.Type, Schema: form.Schema + 1}
		if i == length-1 || rapid.Bool().Draw(t, "rename") {
			names++
			next = codec.Form{Type: fmt.Sprintf("Name%d", names), Schema: 1}
			if i == length-1 {
				next = codec.Form{Type: "Counted", Schema: 1}
			}
			steps = append(steps, codec.Rename(next.Type, next.Schema))
		}
		c.registrations = append(c.registrations, codec.Upcast(form.Type, form.Schema, steps...))
		c.forms, c.models = append(c.forms, form), append(c.models, models)
		form = next
	}
	c.registrations = append(c.registrations, codec.Type[counted]())
	c.forms = append(c.forms, codec.Form{Type: "Counted", Schema: 1})
	return c
}

// Upcasting from any form of a chain is the composition of its upcasters from there on.
func TestUpcastIsTheComposition(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := genChain(t)
		events, err := codec.New(rapid.Permutation(c.registrations).Draw(t, "order")...)
		require.NoError(t, err)
		data := counted(rapid.MapOf(rapid.SampledFrom([]string{"a", "b", "c"}), rapid.IntRange(-9, 9)).Draw(t, "data"))
		text, err := json.Marshal(data)
		require.NoError(t, err)
		for k, form := range c.forms {
			want := maps.Clone(data)
			for _, models := range c.models[k:] {
				for _, model := range models {
					model(want)
				}
			}
			recorded := stored(form.Type, form.Schema, string(text))
			values, err := events.Decode(recorded)
			require.NoError(t, err)
			require.Equal(t, []contrail.Payload{want}, values)
			require.Equal(t, stored(form.Type, form.Schema, string(text)), recorded)

			upcast, err := events.Upcast(recorded)
			require.NoError(t, err)
			again, err := events.Upcast(upcast[0])
			require.NoError(t, err)
			require.Equal(t, upcast, again)
		}
	})
}
