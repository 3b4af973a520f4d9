package dashboard

import (
	"net/url"
	"strings"
	"time"

	"github.com/contrail-events/contrail"
	"github.com/contrail-events/contrail/subscribers"
	"github.com/contrail-events/contrail/subscribers/deadletters"
)

// letterFields are the fields of the filter of dead letters, in the query and in forms.
func letterFields() []string {
	return []string{"consumer", "stream", "category", "type", "reason", "tenant", "error", "since", "until", "state"}
}

// letterFilter is which dead letters are meant, whatever the part of the list. instant reads a field that is a time.
func (d *Dashboard) letterFilter(given url.Values, instant func(name string) (time.Time, error)) (deadletters.Filter, error) {
	filter := deadletters.Filter{
		Stream: d.config.DeadLetters, Consumer: word(given, "consumer"), Category: word(given, "category"), Type: word(given, "type"),
		Tenant: word(given, "tenant"), ErrorContains: given.Get("error"),
	}
	for _, state := range given["state"] {
		if state != "" {
			filter.States = append(filter.States, deadletters.State(state))
		}
	}
	for _, reason := range given["reason"] {
		if reason != "" {
			filter.Reasons = append(filter.Reasons, subscribers.Reason(reason))
		}
	}
	var err error
	if name := word(given, "stream"); name != "" {
		if filter.EventStream, err = contrail.ParseStreamID(name); err != nil {
			return filter, errBadInput("stream: " + err.Error())
		}
	}
	if filter.Since, err = instant("since"); err != nil {
		return filter, err
	}
	if filter.Until, err = instant("until"); err != nil {
		return filter, err
	}
	if err := filter.Validate(); err != nil {
		return filter, errBadInput(strings.NewReplacer("deadletters.Filter: ", "", "\n", "; ").Replace(err.Error()))
	}
	return filter, nil
}

// word is a field without the spaces that come with what is pasted.
func word(given url.Values, name string) string { return strings.TrimSpace(given.Get(name)) }

// only are those fields of a query or a form that have these names and are not empty: what a filter is made of, and what a form hands on.
func only(given url.Values, names []string) url.Values {
	kept := url.Values{}
	for _, name := range names {
		for _, value := range given[name] {
			if value != "" {
				kept.Add(name, value)
			}
		}
	}
	return kept
}
