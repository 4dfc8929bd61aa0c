"""English sentences of a shop's telephone line: callers and agents, in spoken form (lower case, no punctuation, words for numbers).

Why: see text_zh.py; the same acts in English, with digit strings, short answers and the agents' side.
"""
from grammar import expand, lines

ONES = 'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split()
TENS = '_ _ twenty thirty forty fifty sixty seventy eighty ninety'.split()
MONTHS = 'january february march april may june july august september october november december'.split()
WEEKDAYS = 'monday tuesday wednesday thursday friday saturday sunday'.split()
ORDINALS = 'first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth'.split()
ORDINALS += ['twenty ' + x for x in ORDINALS[:9]] + ['thirtieth', 'thirty first']


def number(n):
    """Spoken English of a whole number below one million."""
    if n < 20:
        return ONES[n]
    if n < 100:
        return TENS[n // 10] + (' ' + ONES[n % 10] if n % 10 else '')
    if n < 1000:
        return ONES[n // 100] + ' hundred' + (' and ' + number(n % 100) if n % 100 else '')
    return number(n // 1000) + ' thousand' + (' ' + number(n % 1000) if n % 1000 else '')


def digits(r, low=4, high=12):
    """A spoken digit string; some speakers say oh for zero, or double for a repeated digit."""
    n = r.choice([4, 4, 6, 6, 8, 10, r.randint(low, high)]) if high >= 10 else r.randint(low, high)
    oh, double, out = r.random() < .3, r.random() < .5, []
    while n > 0:
        d = r.randrange(10)
        word = 'oh' if d == 0 and oh else ONES[d]
        if double and n > 1 and r.random() < .12:
            out.append('double ' + word)
            n -= 2
        else:
            out.append(word)
            n -= 1
    return ' '.join(out)


def amount(r):
    """An amount of money."""
    n = r.choice([r.randint(1, 20), r.randint(20, 99), r.randint(100, 999), r.randint(1, 99) * 10, r.randint(1000, 9999)])
    unit = r.choice(['dollars', 'dollars', 'pounds', 'euros', 'yuan'])
    text = number(n) + ' ' + (unit if n > 1 or unit == 'yuan' else unit[:-1])
    if r.random() < .3:
        text += ' ' + r.choice(['and ', '']) + number(r.randint(2, 99)) + r.choice(['', ' cents' if unit != 'pounds' else ' pence'])
    return text


def date(r):
    """A date or a day."""
    k = r.random()
    if k < .35:
        return r.choice(['', 'this ', 'next ', 'on ', 'last ']) + r.choice(WEEKDAYS)
    if k < .65:
        day, month = r.choice(ORDINALS), r.choice(MONTHS)
        return r.choice([f'the {day} of {month}', f'{month} {day}', f'{month} the {day}', f'the {day}', f'{day} of {month}'])
    if k < .8:
        n = number(r.randint(2, 15))
        return r.choice([f'in {n} days', f'{n} days ago', f'{n} weeks ago', f'in {n} weeks', f'{n} months ago'])
    return r.choice(['tomorrow', 'today', 'yesterday', 'next week', 'last week', 'this morning', 'tomorrow afternoon', 'tonight', 'last month',
                     'this weekend', 'the end of the month', 'tomorrow morning', 'tomorrow evening', 'last night', 'christmas', 'new year'])


def clock(r):
    """A time of the day."""
    h = number(r.randint(1, 12))
    return r.choice([h + " o'clock", h + ' ' + r.choice(['fifteen', 'thirty', 'forty five', 'twenty', 'ten']), h + ' ' + r.choice(['a m', 'p m']),
                     'half past ' + h, 'quarter past ' + h, 'quarter to ' + h, h + ' thirty ' + r.choice(['a m', 'p m']), 'noon', 'around ' + h, h + ' in the ' + r.choice(['morning', 'afternoon', 'evening'])])


def spell(r):
    """A short code of letters and digits."""
    return ' '.join(r.choice('abcdefghijklmnopqrstuvwxyz') if r.random() < .6 else r.choice(ONES[:10]) for _ in range(r.randint(2, 6)))


WORDS = {
    'item': 'phone laptop tablet shoes jacket shirt dress book camera headphones charger watch printer keyboard monitor router television chair table lamp blender vacuum backpack battery bicycle suitcase mattress sofa kettle toaster microwave fridge heater fan toy helmet umbrella blanket pillow speaker mouse scanner',
    'thing': 'order|bill|parcel|package|refund|invoice|membership|account|delivery|payment|return|exchange|appointment|complaint|warranty|gift card|voucher|discount|points|address|password|receipt|statement|balance|subscription|coupon',
    'city': 'london|paris|new york|chicago|boston|dallas|houston|seattle|denver|manchester|birmingham|leeds|glasgow|dublin|singapore|sydney|beijing|shanghai|tokyo|toronto|miami|oxford|cambridge|bristol|liverpool|edinburgh|hong kong|los angeles|san francisco',
    'first': 'john mary david michael sarah james linda robert jennifer william susan thomas karen daniel nancy mark lisa peter emma anna paul laura kevin alice george helen oliver sophie grace henry',
    'last': 'smith brown johnson williams jones miller davis wilson taylor clark lewis walker young king wright scott green baker adams nelson hill carter chen wang lee martin thompson white harris moore',
    'dept': 'an agent|a person|a human|a real person|someone|a manager|the manager|a supervisor|customer service|an operator|a representative|technical support|the billing department|sales|the refund team|the complaints department|your boss|the delivery team|somebody else',
    'prod': 'gold membership|silver membership|platinum membership|credit card|debit card|gift card|savings account|mobile plan|internet plan|extended warranty|travel insurance|home insurance|monthly plan|yearly plan|store card|premium account|subscription|broadband|student discount',
    'col': 'black|white|red|blue|green|grey|silver|a larger size|a smaller size|another color|extra large|medium|size ten|size forty two',
    'street': 'main street|park road|high street|station road|church lane|green street|king street|river road|hill avenue|lake drive|oak street|queen street',
}
TABLE = {k: (lambda v: (lambda r: r.choice(v)))(v.split('|') if '|' in v else v.split()) for k, v in WORDS.items()}
TABLE.update({
    'dig': digits, 'amt': amount, 'date': date, 'time': clock, 'code': spell,
    'd4': lambda r: digits(r, 4, 4), 'd36': lambda r: digits(r, 3, 6), 'd1': lambda r: r.choice(ONES[:10]),
    'n': lambda r: number(r.choice([r.randint(2, 12), r.randint(2, 12), r.randint(13, 99)])),
    'hi': ['(hello |hi |good morning |good afternoon |good evening |yes |okay |um |uh |well |excuse me |sorry |hi there |hello there |so |hey |er |right |yeah |oh hi |hello um |please )'],
    'want': ["(i want to |i would like to |i'd like to |i need to |can i |could i |how can i |how do i |i am calling to |i'm calling to |i'm trying to |can you help me |could you please |please |is it possible to |i was hoping to |i just want to |may i |i have to |help me |i wish to |can we |could you help me to |where can i |let me |i'm going to |)"],
    'end': ['(|||||| please| please| thank you| thanks| right now| today| as soon as possible| if possible| for me| thank you very much| or not| then| again| if you can)'],
    'no': ['(order number|account number|phone number|reference number|customer number|tracking number|confirmation code|invoice number|member number|pin|zip code|postcode|card number|booking number|ticket number|number)'],
})

ACTS = lines('''
(check|see|look at|hear|find out|know|view|confirm)(| about) (my|the) (bill|balance|order|last bill|order status|account balance|refund|points|delivery|next bill|credit|spending|delivery date|membership|warranty|transactions|invoice)
(track|trace|find|locate|follow) (my|the|a) (order|parcel|package|delivery|shipment|{item}|refund|letter)
(cancel|change|update|stop|confirm|edit|delay) (my|the|an) (order|appointment|subscription|booking|delivery|membership|payment|address|delivery address|phone number|email address|password|delivery date|plan|contact details)
(return|send back|exchange|give back|replace|bring back) (my|the|this|a|an) {item}(| because it is (broken|too small|too big|damaged|faulty|the wrong color|late|the wrong one))
(get|request|ask for|claim|have) (a refund|my money back|a full refund|a replacement|a new one|an exchange|a discount|a copy of the invoice|an invoice|a receipt|a call back|a new password|a new card|some help|a return label|compensation)(| for (my|the) {item}| for order {dig}|)
return (this|it|them|these) and get my money back
(speak|talk|be transferred|be put through|get through) (to|to|with) {dept}
(make|file|raise|lodge) a (complaint|formal complaint|claim|report)(| about (the delivery|your service|the driver|my order|the {item}|a seller))
(book|schedule|make|change|move|cancel|arrange) (an appointment|a repair|a visit|a pick up|a technician|a service|an installation|a home visit|a collection)(| for {date}| for {date} at {time}| at {time}|)
(join|upgrade|renew|cancel|buy|pay for|ask about|sign up for|end) (my|the|a) {prod}
(pay|settle|clear) (my|the|this) (bill|invoice|order|balance)(| by card| online| in parts| next month| with points|)
(reset|change|recover|unlock|close|delete|open|block|verify) my (password|account|card|profile|pin)
(report|block|replace|activate|cancel) (a|my) (lost card|stolen card|missing parcel|card|new card|gift card|fraud|problem with my {item})
(buy|order|purchase|reserve|get|add) (a|the|another|one more|{n}) {item}
(use|redeem|spend|transfer|collect|check) my (points|voucher|coupon|gift card|discount code)
(delete my personal data|stop the marketing calls|know who logged in to my account|know what data you keep|leave a message|hear that again|go back to the main menu|find the nearest store|know your opening hours|complain about the service)
''')

ASK = lines('''
where (is|are) my (parcel|order|package|{item}|delivery|refund|money|invoice|points)(| now| please| exactly)
when (will|does|is) my (parcel|order|package|{item}|delivery|refund|money) (arrive|come|get here|be delivered|be here|be sent|ship)
(has|have) my (order|parcel|{item}|refund|payment) (been shipped|been sent|arrived|gone through|been processed|been delivered|left {city}) (yet|already|or not)
my {item} (is broken|has not arrived|does not work|is damaged|stopped working {date}|never arrived|is too small|is too big|will not turn on|has a scratch|is missing a part|arrived late|makes a strange noise|keeps switching off|was stolen|got wet|is the wrong color)
(i|we) (received|got|were sent|have) the wrong (item|{item}|order|color|size|parcel|bill|address)
i ordered (a|the|{n}) {item} (but i got a {item}|{date}|in {col}|but nothing came|and it came broken|from your website|for my (mother|son|wife|brother|friend))
(how much|what) (is|does) the (price of the {item}|{item} cost|{prod} cost|delivery fee|shipping|{item}|return fee)
(do|can) you (have|sell|deliver|stock|send|show) (the {item} in {col}|{item}|to {city}|bicycle insurance|spare parts for the {item}|it {date}|on {date}|gift cards|abroad|a cheaper {item})
(is|was) the {item} (in stock|available|under warranty|on sale|waterproof|new|still available|included|free)
does the {item} come with a (warranty|charger|battery|manual|case|discount)
(what|when) (are your opening hours|time do you open|time do you close|do you close {date}|are you open on {date}|is the last delivery)
(why|how come) (was i charged {amt}|did you charge me {amt}|is my bill so high|was my order cancelled|was my card declined|is it so expensive|is it taking so long|did nobody call me back|can't i log in|is the fee so high|was i charged twice)
(what are the benefits of|how do i get|how long is|tell me about|is there a fee for|how do i cancel|what is the difference with|who can use) (the|a|my) {prod}
how long (does|will) (it|the refund|the delivery|the repair|shipping|that) take
(i|we) (have|had) a (question|problem|issue|complaint) (about|with) my (bill|order|{item}|{prod}|delivery|account|payment|{thing})
(there is|i see|i found|i have) a (charge|payment|fee|mistake|double charge) (of {amt} on|that i did not make on|on|i don't recognize on) my (card|bill|account|statement)
(someone|somebody) (used|stole|has) my (card|account|parcel|phone|password)(| in {city}| {date}|)
(can|could) (you|someone|the driver) (call me back|leave it with my neighbor|come {date}|deliver it {date}|send me an email|send me a text|come at {time}|check again|speak slowly|speak up|repeat that|help me|explain that|waive the fee|put it by the door)
(is there|do you have|are there) (anything cheaper|a discount|a store in {city}|another way|any fee|parking|a student discount|any news|someone who speaks chinese|an earlier date|free delivery)
(can|could|may) i (pay by card|pay cash|pay in parts|change the color|pick it up in {city}|get it {date}|cancel now|have your name|keep my number|use two coupons|return it in the store|pay with points)
(will it|is it going to) (rain {date}|be delivered {date}|cost more|come with a cable|fit me|take long)
''')

SAY = lines('''
my name is {first} {last}
(this is|i am|i'm|it's) {first} {last}(| calling from {city}| speaking|)
my (first|last) name is (|spelled ){first}
(the|my) (last name|surname|family name) is {last}
(i live in|i am calling from|send it to|deliver it to|i moved to|my address is in|the store in) {city}
(my address is|i live at|send it to|the new address is|ship it to) {n} {street}(| {city}| in {city}|)
(flat|apartment|room|floor|suite) (number |){n}
(i was charged|i paid|the bill was|you charged me|i want to pay|i was overcharged by|my balance is|the refund was|it costs|please refund|i owe|the total is|the price was|i spent|it should be|you owe me|i transferred) {amt}(| {date}| for the {item}| by mistake| twice| too much|)
(i am free|i can do|how about|let's say|make it|call me back|i'll be home|i need it by|it was delivered|i ordered it|can we do|i bought it|it expires) {date}(| at {time}| after {time}| before {time}|)
(at|around|before|after|until|by) {time}
(this is the|it's the) (second|third|fourth|fifth) time i (have called|call|am calling|ask)
(your|the) (service|driver|website|app|delivery|quality|food|agent|system|price) (is terrible|was very rude|is not working|keeps crashing|is very slow|is great|was late|is bad|was excellent|is too high|was very kind|is very poor|never answers)
(i am|i'm) (very |really |so |)(unhappy|disappointed|happy|angry|satisfied|upset|sorry|frustrated|worried|not sure|confused|surprised)(| with the service| about this| now|)
i have been (waiting|on hold) for {n} (minutes|hours|days|weeks)
(nobody|no one|someone) (called me back|answered|came|told me|was there|helped me)
(i|we) (already|never|did not|just) (paid|received it|ordered that|made this payment|called you|agreed to that|got an email|got the code|signed for it|returned it)
(i don't|i do not) (know|understand|remember|agree|think so|have it|have the number|have an account|want that|need it|see it|have a receipt|hear you|mind|care)
(that|this|it) is (not what i asked|not right|wrong|too much|too late|fine|good|okay|correct|very helpful|enough|not fair|my mother's account|perfect|the right one)
(please|) (wait|hold on|slow down|repeat that|say that again|speak louder|send it by email|hurry up|cancel it|go on|take your time|listen|stop|do that|check that)
(i did not|i didn't|sorry i didn't) (catch that|hear you|understand|get that|mean that|say that|order it)
(what is|how is) the weather (like |)(today|tomorrow|in {city})
(tell me a joke|book a flight to {city}|play some music|what is your name|are you a robot|am i talking to a machine|are you human|how old are you|who won the game|i want to rent a car|order a pizza|what time is it|do you speak chinese|where are you from|do you sell car insurance|what is the capital of france)
(i'll|i will) (call back later|think about it|try again|wait|take it|send it back|pay tomorrow|talk to my bank|be there|do it online|hang up now|write a bad review)
(the parcel|the package|it|my order) (is lost|was left outside|is missing|came open|arrived broken|says delivered but i don't have it|is at the neighbor's|is still in {city}|was stolen|went to the wrong address|is late again|is stuck)
''')

AGENT = lines('''
(hello|good morning|good afternoon|good evening|hi) (thank you for calling|thanks for calling|welcome to customer service|this is {first}|you are speaking with {first})(| how can i help you| how may i help you| how can i help you today| what can i do for you|)
(let me|i will|i'll) (check that for you|have a look|look into that|transfer you now|put you through|call you back|see what i can do|pull up your account|make a note of that|cancel that for you|send you a link|arrange a refund|book that for you|escalate this)
(i am|i'm|we are) (very |so |really |)sorry (about the delay|to hear that|for the inconvenience|about that|for the wait|for the mistake|but we cannot do that|to keep you waiting)
(your|the) (parcel|order|package|{item}|technician|replacement) (will arrive|will be delivered|should arrive|is due|is on its way and will arrive) {date}
(your|the) (parcel|order|{item}) (was delivered|was sent|left {city}|arrived in {city}|was returned) {date}
your refund (of {amt} |)(has been processed|will take {n} days|was sent {date}|is on its way|will be paid to your card)
(can i|could i|may i) (have|take|get|confirm) your (order number|name|phone number|address|date of birth|email|last four digits|account number|full name)(| please|)
(what is|could you tell me|please say|please give me|please enter) your (order number|name|phone number|address|account number|postcode)
(your|the) (bill|balance|total|fee|price|payment) is {amt}(| and it is due {date}|)
(did you say|is that|so that is|i heard|just to confirm) ({dig}|{date}|{time}|{amt}|{first} {last}|{city}|a refund|your bill|cancel)(| is that right| is that correct|)
is there anything else (i can help you with|i can do for you|today|)
(thank you for|thanks for) (calling|waiting|your patience|holding|shopping with us|your order)(| goodbye| have a nice day| have a great day|)
(please hold|one moment|just a second|bear with me|please stay on the line)(| please| while i check| while i transfer you|)
(all our agents are busy|you are number {n} in the queue|the waiting time is {n} minutes|this call may be recorded|please leave a message after the tone|press {d1} to hear this again|for billing press {d1}|say agent to talk to a person|press pound when you are done)
(you can|you may) (return it within {n} days|exchange it in any store|pay by card or cash|use your points|track it online|cancel at any time|keep the item)
(as a|with the) {prod} you (get free delivery|save {amt} a year|get double points|can return for free|get ten percent off)
''')

SHORT = '''yes|no|yes please|no thank you|yes that is correct|yes that's right|no that is wrong|no that's not right|correct|that is correct|that's right|that's it|sure|of course|okay|ok|all right|i agree|i don't know|i am not sure|maybe|yes i do|no i don't|yes it is|no it isn't|yeah|yep|nope|exactly|absolutely|not really|not yet|yes i am|no i am not|that is all|that's all thank you|nothing else|go ahead|hold on please|just a moment|one moment please|say that again please|could you repeat that|can you say that again|i did not understand|i can't hear you|can you hear me|hello|hi|good morning|good afternoon|good evening|thank you|thank you very much|thanks|thanks a lot|thanks for your help|goodbye|bye|bye bye|have a nice day|you are welcome|no problem|agent|agent please|operator|representative|human|human please|main menu|go back|repeat|stop|cancel|continue|help|help me|billing|sales|support|technical support|customer service|never mind|that was very helpful|please wait|speak slowly please|refund|a refund|return|exchange|order|my order|my bill|check my bill|invoice|delivery|parcel|track my parcel|membership|points|complaint|appointment|repair|password|address|opening hours|start over|skip|next|the first one|the second one|the last one|both|neither|either|any|english|chinese|morning|afternoon|evening|today|tomorrow|tonight|right|wrong|please|sorry|pardon|what|excuse me|um|uh|er yes|um no|um yes|mm hmm|uh huh|i see|got it|great|perfect|fine|good|zero|one|two|three|four|five|six|seven|eight|nine|ten|oh|double zero|eleven|twelve|twenty|fifty|one hundred|a thousand|half|none|all of them|yes speaking|speaking|this is she|wrong number|nothing|later|talk to a person|talk to someone|i want an agent'''.split('|')


def _numbers(r):
    """A turn that is mostly a number."""
    t = r.choice(['(my|the|) {no} is ({dig}|{d36}|{d4})', "(it's|it is|that's|) {dig}", '{dig}', '{dig}', '{d4}', '{d36}', 'my (phone number|mobile|number) is {dig}', 'the (order|tracking|account|reference) number is {dig}',
                  '(my card ends in|the last four digits are|it ends with|ending in|last four) {d4}', '(no|no sorry|sorry|no no|no wait) (it is|it\'s|i said|i meant|) {dig}', '(no|no sorry|sorry|i said|i meant) {d1}', '(yes|um|uh|okay|er) {dig}',
                  '{d1} not {d1}', '(the first one|the last digit|the second digit) is {d1}', 'number {d1}', 'option {d1}', 'press {d1}', '{dig} (thank you|please|that\'s it|is that right)', '{d36} (um|uh|and then|dash) {d36}',
                  '(the code is|reference|order|my code is|it is|) {code}', '{amt}', '{date}', '{time}', '{date} at {time}', '(zero|oh) {dig}', 'my date of birth is (the |){date}', '{n}', '{n} {item}', 'area code {d36}'])
    return ' '.join(expand(t, r, TABLE).split())


def sentence(r):
    """One random sentence."""
    k = r.random()
    if k < .20:
        t = ('{hi}' if r.random() < .4 else '') + '{want}' + r.choice(ACTS) + '{end}'
    elif k < .40:
        t = ('{hi}' if r.random() < .25 else '') + r.choice(ASK) + ('{end}' if r.random() < .2 else '')
    elif k < .54:
        t = ('(um |well |uh |okay |no |yes |so |)' if r.random() < .3 else '') + r.choice(SAY)
    elif k < .64:
        t = r.choice(AGENT)
    elif k < .76:
        return r.choice(SHORT) if r.random() < .75 else r.choice(SHORT) + ' ' + r.choice(SHORT)
    elif k < .97:
        return _numbers(r)
    else:
        return number(r.choice([r.randint(0, 99), r.randint(0, 999), r.randint(0, 9999)]))
    return ' '.join(expand(t, r, TABLE).split())
