//! What the ten lessons say: one idea each, and one question. What is done in a
//! lesson is in its module, `lesson-NAME.js`.

/// One lesson.
#[derive(Debug)]
pub(super) struct Lesson {
    /// Its anchor on the page.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// The word of the glossary that it is about, and what one would ask of it.
    pub(super) term: (&'static str, &'static str),
    /// Its one idea, in a sentence.
    pub(super) idea: &'static str,
    /// The same for its tile, shorter.
    pub(super) tile: &'static str,
    /// What the still figure shows.
    pub(super) insight: &'static str,
    pub(super) question: &'static str,
    pub(super) answers: [Answer; 3],
}

/// An answer to choose, and what is said to who has chosen it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) text: &'static str,
    pub(super) reply: &'static str,
    pub(super) is_right: bool,
}

const fn right(text: &'static str, reply: &'static str) -> Answer {
    Answer {
        text,
        reply,
        is_right: true,
    }
}

const fn wrong(text: &'static str, reply: &'static str) -> Answer {
    Answer {
        text,
        reply,
        is_right: false,
    }
}

/// In the order in which they are learnt.
pub(super) const LESSONS: &[Lesson] = &[
    Lesson {
        name: "hash",
        title: "Hash",
        term: ("hash", "What is a hash?"),
        idea: "One letter more, and all of it is other.",
        tile: "One letter more, and all of it is other.",
        insight: "The texts differ in one digit, their hashes nearly everywhere.",
        question: "You type the same text tomorrow, on another computer. Its hash?",
        answers: [
            right(
                "the same",
                "Right: a hash depends on the text, and on nothing else.",
            ),
            wrong("another", "Not so: nothing but the text goes into it."),
            wrong(
                "nobody knows",
                "Try it: type the same text into both fields.",
            ),
        ],
    },
    Lesson {
        name: "block",
        title: "Block",
        term: ("block", "What is a block?"),
        idea: "Some payments, sealed with one hash.",
        tile: "Some payments, and one hash.",
        insight: "The same payments in another order are another block.",
        question: "The same amounts, in another order. The same hash?",
        answers: [
            wrong("yes", "Swap two payments, and look at the strip."),
            right(
                "no",
                "Right: the order is part of the text, so it is part of the hash.",
            ),
            wrong(
                "if the sum is equal",
                "The sum is not what is hashed: the text is.",
            ),
        ],
    },
    Lesson {
        name: "proof",
        title: "Proof",
        term: ("proof", "What is a proof?"),
        idea: "A hash with zeros is rare: who has one has worked for it.",
        tile: "Zeros are rare, so they cost work.",
        insight: "Finding the number takes thousands of guesses. Checking it takes one.",
        question: "One zero digit more. How much more work, on average?",
        answers: [
            wrong("twice", "That would be one bit. A digit has 16 values."),
            wrong(
                "10 times",
                "These digits go from 0 to f: there are more than ten.",
            ),
            right(
                "16 times",
                "Right: only one in 16 hashes has a zero at that place too.",
            ),
        ],
    },
    Lesson {
        name: "chain",
        title: "Chain",
        term: ("previous", "What is “previous”?"),
        idea: "Each block names the hash of the one before.",
        tile: "Each block names the one before.",
        insight: "Equal strips stand side by side: so these blocks are in order.",
        question: "Which of the blocks can be the first?",
        answers: [
            right(
                "the one naming none",
                "Right: every other one needs a block before it.",
            ),
            wrong(
                "the smallest hash",
                "Hashes are as good as random: none of them is meant to be small.",
            ),
            wrong(
                "any",
                "Look at “previous”: three of them name another block.",
            ),
        ],
    },
    Lesson {
        name: "tamper",
        title: "Tamper",
        term: ("broken", "What is broken?"),
        idea: "Change one word, and every block from there on breaks.",
        tile: "One word breaks all that follow.",
        insight: "Block 3 still names the old block 2, which no longer exists.",
        question: "Block 2 is mined again, so its hash starts with 0000. Which are still broken?",
        answers: [
            wrong("none", "Not yet: are the strips on both sides of ≠ alike?"),
            wrong("only 3", "Block 3, yes. And what does block 4 stand on?"),
            right(
                "3 and 4",
                "Right: 3 names a hash that is gone, and 4 stands on 3.",
            ),
        ],
    },
    Lesson {
        name: "fork",
        title: "Fork",
        term: ("tip", "What is a tip?"),
        idea: "Two miners, one moment: the chain has two ends.",
        tile: "Two miners, one moment, two tips.",
        insight: "Neither is wrong: both blocks name block 2, and both have their proof.",
        question: "Two tips of equal length. Which one does a node keep?",
        answers: [
            right(
                "the first it heard of",
                "Right: it changes only for a branch with more work.",
            ),
            wrong(
                "the fuller block",
                "What is in a block does not count here, only its work.",
            ),
            wrong("both", "It remembers both, but builds on one."),
        ],
    },
    Lesson {
        name: "reorganisation",
        title: "Reorganisation",
        term: ("dropped", "What is dropped?"),
        idea: "More work wins, and the rest falls aside.",
        tile: "More work wins; the rest falls aside.",
        insight: "Ben’s block fell aside, and its payment waits again.",
        question: "Where is Mia’s payment now?",
        answers: [
            wrong("lost", "Look at what waits: nobody has forgotten it."),
            right(
                "it waits for a block",
                "Right: the next block can take it. Only the reward is gone.",
            ),
            wrong(
                "in both chains",
                "Ben has gone over to Ana’s chain, and it is not in there.",
            ),
        ],
    },
    Lesson {
        name: "signature",
        title: "Signature",
        term: ("key", "What is a key?"),
        idea: "Only your key can say that you paid.",
        tile: "Only your key can say that you paid.",
        insight: "One digit altered, and the signature fits no longer.",
        question: "Somebody copies the signature under “Mia pays Jonas 5”. Can they use it for 50?",
        answers: [
            wrong(
                "yes",
                "Alter the text, and look what becomes of the signature.",
            ),
            wrong("once", "Not even once: it fits one text only."),
            right(
                "no",
                "Right: a signature is for one text. For another one it takes the key.",
            ),
        ],
    },
    Lesson {
        name: "fees",
        title: "Fees",
        term: ("fee", "What is a fee?"),
        idea: "A block has little room. Who offers more for it goes in first.",
        tile: "The best offer per byte goes in.",
        insight: "The highest fee stays outside: it wants the whole block.",
        question: "Five want in, and three find room. Who?",
        answers: [
            wrong("the first", "A miner earns nothing by being patient."),
            wrong(
                "the highest fee",
                "A fee of 9 for the whole block is less than three small ones.",
            ),
            right(
                "the most per byte",
                "Right: room is scarce, so the fee for each byte counts.",
            ),
        ],
    },
    Lesson {
        name: "attack",
        title: "Attack",
        term: ("confirmation", "What is a confirmation?"),
        idea: "Pay, make a longer chain in hiding, and the payment is gone.",
        tile: "Pay, hide a chain, take it back.",
        insight: "Each confirmation makes it harder, as long as the attacker has less than half.",
        question: "The attacker has 51 % of all guesses. How many confirmations are safe?",
        answers: [
            wrong("6", "Set 51 %, and try it some hundred times."),
            wrong("100", "It takes longer, and works all the same."),
            right(
                "none",
                "Right: more blocks than all others is ahead, sooner or later.",
            ),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_leads_to_a_word_that_is_explained() {
        for lesson in LESSONS {
            assert_ne!(
                crate::pages::glossary::said(lesson.term.0),
                "",
                "{}",
                lesson.name
            );
        }
    }

    #[test]
    fn there_are_ten_and_each_question_has_one_right_answer() {
        assert_eq!(LESSONS.len(), 10);
        for lesson in LESSONS {
            let right = lesson.answers.iter().filter(|answer| answer.is_right);
            assert_eq!(right.count(), 1, "{}", lesson.name);
        }
    }
}
