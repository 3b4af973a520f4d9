package deliveries

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/contrail-events/contrail/codec"
)

// Config says whose ledger it is, and how its deliveries are performed. Only Consumer is required.
type Config struct {
	// Consumer names the ledger, by custom after the durable that plans into it. Ledgers of different consumers know nothing of one another.
	Consumer string

	// Adapters send, by channel. The one for "" sends what is for a channel without its own. [Ledger.Run] leaves deliveries alone for which it has
	// none. Nil: the ledger only plans, or is used through lanes.
	Adapters map[string]Adapter

	// Policy is how deliveries are tried, and Policies the same by channel; what these do not say, Policy does.
	Policy   Policy
	Policies map[string]Policy

	// Rules are asked whether a delivery may be sent, when it is planned and before each attempt.
	Rules []Rule

	// Events reads events back that are encrypted in their store, and Keys opens them: the ledger does not keep those. Both are needed as soon as such an
	// event is planned. Codec, if it is given, upcasts them as the subscription's does.
	Events Reader
	Keys   Opener
	Codec  *codec.Codec

	// Concurrency is how many adapters [Ledger.Run] has at work at a time, in this process. Each takes a database connection before and behind the
	// call, none during it. Default: 16.
	Concurrency int

	// PollInterval is how often Run looks for what is due, when there was nothing; what this ledger has planned itself it finds sooner. Default: 250 ms.
	PollInterval time.Duration

	// RecoverInterval is how often Run looks for attempts whose process has died. Default: 5 s.
	RecoverInterval time.Duration

	// DrainTimeout is how long adapters may still run after Run's ctx has ended; then their own ctx ends. Default: 30 s.
	DrainTimeout time.Duration

	// Logger takes what an operator should know. Nil: nothing is logged.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	c.Policy = c.Policy.over(defaultPolicy())
	c.Policies = maps.Clone(c.Policies)
	for channel, policy := range c.Policies {
		c.Policies[channel] = policy.over(c.Policy)
	}
	c.Adapters, c.Rules = maps.Clone(c.Adapters), slices.Clone(c.Rules)
	c.Concurrency = orDefault(c.Concurrency, 16)
	c.PollInterval = orDefault(c.PollInterval, 250*time.Millisecond)
	c.RecoverInterval = orDefault(c.RecoverInterval, 5*time.Second)
	c.DrainTimeout = orDefault(c.DrainTimeout, 30*time.Second)
	c.Logger = orDefault(c.Logger, slog.New(slog.DiscardHandler))
	return c
}

// validate reports every fault at once. It expects the defaults to be filled in.
func (c Config) validate() error {
	faults := []error{checkText("Consumer", c.Consumer, true), prefixed("Policy", c.Policy.validate())}
	for _, channel := range slices.Sorted(maps.Keys(c.Policies)) {
		faults = append(faults, prefixed(fmt.Sprintf("Policies[%q]", channel), c.Policies[channel].validate()))
	}
	if _, found := c.Policies[""]; found {
		faults = append(faults, fmt.Errorf("%s[%q] is for no channel; what holds for those without their own is Policy", "Policies", ""))
	}
	for _, channel := range slices.Sorted(maps.Keys(c.Adapters)) {
		if c.Adapters[channel] == nil {
			faults = append(faults, fmt.Errorf("%s[%q] is nil", "Adapters", channel))
		}
	}
	for i, rule := range c.Rules {
		if rule == nil {
			faults = append(faults, fmt.Errorf("%s[%d] is nil", "Rules", i))
		}
	}
	return errors.Join(append(faults,
		checkRange("Concurrency", c.Concurrency, 1, 1<<12),
		checkRange("PollInterval", c.PollInterval, time.Millisecond, time.Hour),
		checkRange("RecoverInterval", c.RecoverInterval, time.Millisecond, time.Hour),
		checkRange("DrainTimeout", c.DrainTimeout, 1, 24*time.Hour))...)
}

// adapter returns that of a channel, or the fallback; nil: there is neither.
func (c Config) adapter(channel string) Adapter {
	if adapter, found := c.Adapters[channel]; found {
		return adapter
	}
	return c.Adapters[""]
}

func (c Config) policy(channel string) Policy {
	if policy, found := c.Policies[channel]; found {
		return policy
	}
	return c.Policy
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

func checkRange[T int | time.Duration](field string, value, least, most T) error {
	if value < least || value > most {
		return fmt.Errorf("%s: %v is not between %v and %v", field, value, least, most)
	}
	return nil
}

func prefixed(field string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", field, err)
}
