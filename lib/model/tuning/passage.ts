/** What zeros are counted over unless told otherwise: plain words that a small story model knows too. */
export const passage = `Once upon a time there was a small boat that lived in a quiet harbour. Every morning the boat watched the big ships sail out to sea, and every evening it watched them come home. "I want to see the world too," said the boat. An old fisherman heard it and smiled. "Then we shall go together," he said.

The next day they left before the sun was up. The sea was blue and cold, and the wind was kind. They met a whale who told them stories, and a bird who was tired and sat on the mast to rest. When it began to rain, the boat was afraid, but the fisherman held the wheel and sang a song until the clouds had gone.

At night they came home. "The world is very big," said the boat. "Yes," said the fisherman, "and tomorrow it will still be there." The boat was happy, and it slept until the morning.`;
