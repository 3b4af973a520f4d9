package steps

import (
	"context"
	"time"
)

// Sleep is a step in which time passes, from a moment to years: the timer is in the database. A person may end it by `contrail runs retry`.
func Sleep(name string, delay time.Duration) Step {
	return sleep(name, func(*State) (*controlError, error) {
		return &controlError{what: whatWaiting, status: Waiting, delay: delay}, nil
	})
}

// SleepUntil is [Sleep] until a time, which until tells once.
func SleepUntil(name string, until func(run *State) (time.Time, error)) Step {
	if until == nil {
		return Step{name: name, fault: "SleepUntil without a function"}
	}
	return sleep(name, func(run *State) (*controlError, error) {
		end, err := until(run)
		return &controlError{what: whatWaiting, status: Waiting, until: end}, err
	})
}

func sleep(name string, timer func(run *State) (*controlError, error)) Step {
	return Step{name: name, perform: func(ctx context.Context, p *performance) error {
		p.state.clear()
		if p.run.round > 0 {
			return p.moveAlone(ctx, p.succeeded())
		}
		var control *controlError
		err := protect(func() (err error) {
			control, err = timer(&p.state)
			return err
		})
		if err != nil {
			return err
		}
		if control.until.IsZero() && control.delay <= 0 {
			return p.moveAlone(ctx, p.succeeded())
		}
		return p.moveAlone(ctx, p.again(control))
	}}
}
