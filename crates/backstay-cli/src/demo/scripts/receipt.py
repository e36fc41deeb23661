# Writes the receipt of an order. The args come on stdin as JSON; descriptor 3 takes the result; exit 0 means done.
import json, os, sys

args = json.load(sys.stdin)
total = sum(quantity * price for quantity, price in zip(args["quantities"], args["prices"]))
file = f"receipt-{args['order']}.txt"
with open(file, "w") as out:
    out.write(f"Order {args['order']}\nTotal {total / 100:.2f}\nThank you!\n")
os.write(3, (json.dumps({"type": "done", "output": {"file": file, "total_cents": total}}) + "\n").encode())
