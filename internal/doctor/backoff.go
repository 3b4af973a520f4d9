package doctor

import (
	"context"
	"fmt"
)

func checkBackOff(ctx context.Context, d *Doctor) ([]Finding, error) {
	return d.eachDurable(ctx, "no consumer has a BackOff of JetStream's", func(c consumer) []Finding {
		if len(c.Config.BackOff) == 0 {
			return nil
		}
		finding := Finding{
			Severity: Warning, What: fmt.Sprintf("consumer %s has BackOff %v", c.label, c.Config.BackOff), Values: values{"consumer": c.Name, "contrail": c.ours},
			Why: "it replaces AckWait, does not apply to a negative acknowledgement, and mixed with delayed ones gives waits that nobody asked for",
			Do:  "make the consumer anew without BackOff, and let the program delay by NakWithDelay",
		}
		if c.ours {
			finding.Severity, finding.Do = Danger, c.edit()+" --backoff=none; its subscriber has a backoff of its own"
		}
		return []Finding{finding}
	})
}
