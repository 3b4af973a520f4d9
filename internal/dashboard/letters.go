package dashboard

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/contrail-events/contrail/subscribers/deadletters"
)

// letterPages are those about dead letters.
func (d *Dashboard) letterPages() []page {
	const section = "/dead-letters"
	return []page{
		{pattern: "/dead-letters", section: section, title: "Dead letters", template: "letters.html", every: 3 * time.Second, read: d.readLetters},
		{pattern: "/dead-letters/{id}", section: section, title: "Dead letter", template: "letter.html", every: 3 * time.Second, read: d.readLetter},
		{pattern: "/dead-letters/requeue", section: section, title: "Requeue dead letters", template: "lettersdecide.html", read: d.readLetterDecision(requeueLetters)},
		{pattern: "/dead-letters/discard", section: section, title: "Discard dead letters", template: "lettersdecide.html", read: d.readLetterDecision(discardLetters)},
	}
}

// lettersView is a page of dead letters.
type lettersView struct {
	Items []deadletters.Letter `json:"items"`
	Pager

	Looked *lettersLooked `json:"looked,omitempty"` // nil: all that the filter selects on this side of the page was looked at, or the page is full
	Total  *int64         `json:"total"`            // that the filter selects; nil: that takes reading them
	Dead   int64          `json:"dead"`             // in all, of whatever consumer
	Groups []letterGroup  `json:"groups"`           // how many there are of each consumer, in each state

	Filter  url.Values `json:"-"`
	Missing bool       `json:"-"` // the stream is not there
	Types   []string   `json:"-"`
	From    uint64     `json:"-"` // the lowest and the highest number on the page
	To      uint64     `json:"-"`
}

// lettersLooked is how far a search has looked without filling a page.
type lettersLooked struct {
	From uint64 `json:"from"` // the lowest number that was looked at
	To   uint64 `json:"to"`   // the highest one
}

// letterGroup is how many letters a consumer has in a state.
type letterGroup struct {
	State    deadletters.State `json:"state"`
	Consumer string            `json:"consumer"`
	Letters  int64             `json:"letters"`
}

// Seen is the value of a letter's box.
func (*lettersView) Seen(letter deadletters.Letter) string {
	return seen{letter.ID, letter.StoredAt}.String()
}

// Decidable tells whether what is listed can be requeued and discarded: dead letters can.
func (v *lettersView) Decidable() bool {
	return slices.ContainsFunc(v.Items, func(letter deadletters.Letter) bool { return letter.State == deadletters.Dead })
}

// AllDead tells whether the filter is about dead letters alone, so that all that it selects may be decided about.
func (v *lettersView) AllDead() bool {
	states := v.Filter["state"]
	return len(states) == 0 || len(states) == 1 && (states[0] == "" || states[0] == string(deadletters.Dead))
}

func (d *Dashboard) readLetters(ctx context.Context, r *request) (any, error) {
	filter, err := d.letterFilter(r.query(), r.time)
	if err != nil {
		return nil, err
	}
	keys, err := r.keyset()
	if err != nil {
		return nil, err
	}
	view := &lettersView{
		Items: []deadletters.Letter{}, Groups: []letterGroup{}, Filter: r.query(),
	}
	counts, err := deadletters.Tally(ctx, d.js, d.config.DeadLetters)
	if errors.Is(err, deadletters.ErrNoStream) {
		view.Missing = true
		return view, nil
	}
	if err != nil {
		return nil, err
	}
	view.count(counts, filter)
	bounded := filter
	bounded.Limit, bounded.After = int64(keys.rows), keys.after
	if keys.before > 0 {
		bounded.UpTo = keys.before - 1
	}
	if keys.before == 1 {
		return view, nil // nothing is older than the first
	}
	found, err := deadletters.Browse(ctx, d.js, bounded, deadletters.Look{Backwards: keys.backwards()})
	if err != nil {
		return nil, err
	}
	view.take(found, keys)
	return view, nil
}

// count says what is known without reading letters.
func (v *lettersView) count(counts map[deadletters.Kind]int64, filter deadletters.Filter) {
	groups, types, total := map[letterGroup]int64{}, map[string]bool{}, int64(0)
	for kind, letters := range counts {
		groups[letterGroup{State: kind.State, Consumer: kind.Consumer}] += letters
		if kind.Type != "" {
			types[kind.Type] = true
		}
		if kind.State == deadletters.Dead {
			v.Dead += letters
		}
		if filter.Takes(kind) {
			total += letters
		}
	}
	if filter.ByKind() {
		v.Total = &total
	}
	for group, letters := range groups {
		group.Letters = letters
		v.Groups = append(v.Groups, group)
	}
	slices.SortFunc(v.Groups, func(a, b letterGroup) int {
		return cmp.Or(slices.Index(deadletters.States(), a.State)-slices.Index(deadletters.States(), b.State), cmp.Compare(a.Consumer, b.Consumer))
	})
	v.Types = slices.Sorted(maps.Keys(types))
}

// take shows what was found in the order that was asked for, and says how one goes on.
func (v *lettersView) take(found deadletters.Page, keys keyset) {
	v.Items = append(v.Items, found.Letters...)
	newestFirst := keys.backwards()
	if newestFirst == keys.oldest {
		slices.Reverse(v.Items)
	}
	older, newer := found.More, keys.before > 0
	if !newestFirst {
		older, newer = keys.after > 0, found.More
	}
	if older && found.From > 1 {
		v.Older = key(found.From)
	}
	if newer {
		v.Newer = key(found.To)
	}
	if found.More && len(found.Letters) < keys.rows {
		v.Looked = &lettersLooked{found.From, found.To}
	}
	for _, letter := range found.Letters {
		v.To = max(v.To, letter.ID)
		if v.From == 0 || letter.ID < v.From {
			v.From = letter.ID
		}
	}
}

func key(number uint64) string { return strconv.FormatUint(number, 10) }

// errLetter says that a letter is not there in the words of the dashboard.
func errLetter(err error, id string) error {
	if errors.Is(err, deadletters.ErrNotFound) || errors.Is(err, deadletters.ErrNoStream) {
		return errNotFound("dead letter " + id)
	}
	return err
}
