package doctor

import (
	"context"
	"fmt"
)

// greatestMessage is that of an event of the usual limit of 512 KiB of data and metadata, with the attributes and headers about it, in bytes.
const greatestMessage = 512<<10 + 8<<10

func checkPayload(ctx context.Context, d *Doctor) ([]Finding, error) {
	most := d.js.Conn().MaxPayload()
	with := values{"max_payload": most, "needed": greatestMessage}
	var found []Finding
	const why = "an event can be appended that the broker refuses; it is parked then, and no consumer has it"
	if most < greatestMessage {
		found = append(found, Finding{
			Severity: Warning, What: fmt.Sprintf("the server takes messages of %s at most (max_payload)", bytesText(most)), Why: why,
			Do: "set max_payload of the server to 1MB, or Config.MaxEventBytes of the stores lower", Values: with,
		})
	}
	info, err := d.findStream(ctx, d.config.Stream)
	if err != nil || info == nil {
		return orGood(found, with, "the server takes messages of %s", bytesText(most)), err
	}
	if size := int64(info.Config.MaxMsgSize); size > 0 && size < greatestMessage {
		found = append(found, Finding{
			Severity: Warning, What: fmt.Sprintf("stream %s takes messages of %s at most (MaxMsgSize)", info.Config.Name, bytesText(size)), Why: why,
			Do: fmt.Sprintf("nats stream edit %s --max-msg-size=-1", info.Config.Name), Values: values{"max_msg_size": size, "needed": greatestMessage},
		})
	}
	return orGood(found, with, "the server takes messages of %s", bytesText(most)), nil
}
