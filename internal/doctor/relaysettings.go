package doctor

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

func checkRelaySettings(ctx context.Context, d *Doctor) ([]Finding, error) {
	living, _, err := d.relays(ctx)
	if err != nil {
		return nil, err
	}
	if len(living) == 0 {
		return noted("no relay runs whose settings could be compared", "start contrail relay"), nil
	}
	var found []Finding
	versions := map[string][]string{}
	settings := map[string]map[string][]string{}
	for _, relay := range living {
		versions[relay.Version] = append(versions[relay.Version], relay.Identity)
		for name, value := range relay.settings.thatCount() {
			if settings[name] == nil {
				settings[name] = map[string][]string{}
			}
			settings[name][value] = append(settings[name][value], relay.Identity)
		}
		if relay.settings.Prefix != d.config.Prefix {
			found = append(found, Finding{
				Severity: Note, What: fmt.Sprintf("relay %s publishes to %s.>, and %s.> is examined", relay.Identity, relay.settings.Prefix, d.config.Prefix),
				Why: "what is said of subjects is not about the relay's", Do: "give --prefix " + relay.settings.Prefix, Values: values{"relay": relay.Identity},
			})
		}
	}
	if len(versions) > 1 {
		found = append(found, Finding{
			Severity: Warning, What: "relays of different versions run: " + groups(versions), Why: "what is published changes with the one that leads",
			Do: "finish the upgrade", Values: values{"versions": versions},
		})
	}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if len(settings[name]) > 1 {
			found = append(found, Finding{
				Severity: Warning, What: fmt.Sprintf("relays differ in %s: %s", name, groups(settings[name])), Why: "what is published changes with the one that leads",
				Do: "configure all relays of the stream alike", Values: values{"setting": name, "relays": settings[name]},
			})
		}
	}
	return orGood(found, values{"relays": len(living), "version": living[0].Version}, "the relays are of one version and one configuration"), nil
}

// thatCount are the settings that decide what a message is, and what is left out.
func (s relaySettings) thatCount() map[string]string {
	return map[string]string{
		"prefix": s.Prefix, "subject": s.Subject, "format": s.Format, "fence": s.Fence, "name": s.Name, "on_permanent": s.OnPermanent,
	}
}

// groups is "a (x, y), b (z)".
func groups(of map[string][]string) string {
	var texts []string
	for _, value := range slices.Sorted(maps.Keys(of)) {
		name := value
		if name == "" {
			name = "none"
		}
		texts = append(texts, fmt.Sprintf("%s (%s)", name, strings.Join(of[value], ", ")))
	}
	return strings.Join(texts, ", ")
}
